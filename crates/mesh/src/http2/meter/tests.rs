//! Frames of a client, however they are cut.

use std::future::poll_fn;

use bytes::Bytes;
use tokio::time::timeout;

use super::*;
use crate::http2::chunk::Chunk;

fn queue() -> Rc<Queue> {
    Queue::new(model::spec::MessageLimits::BUFFER_MIN)
}

fn limits(control_frames: u32, empty_frames: u32) -> Http2Limits {
    Http2Limits { control_frames, empty_frames, ..model::spec::MessageLimits::edge().http2 }
}

fn frame(kind: u8, payload: usize) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload).expect("it is short"), kind, 0, 0, 0, 0, 0];
    frame.resize(HEAD_BYTES + payload, 6);
    frame
}

#[tokio::test(start_paused = true)]
async fn what_asks_for_nothing_is_counted_however_it_is_cut() {
    const PING: u8 = 6;
    let mut last = frame(0, 0);
    last[4] = 1;
    for (frames, sent, expected) in [
        (vec![frame(PING, 8); 10], 0, false),
        (vec![frame(PING, 8); 11], 0, true),
        (vec![frame(4, 0); 11], 0, true),
        (vec![frame(2, 5); 11], 0, true),
        (vec![frame(8, 4); 11], 0, true),
        (vec![frame(8, 4); 11], 1024, false),
        (vec![frame(99, 200); 11], 0, true),
        (vec![frame(0, 100); 500], 0, false),
        (vec![frame(0, 0); 3], 0, false),
        ([vec![frame(0, 0); 3], vec![last.clone(); 20], vec![frame(0, 1); 20]].concat(), 0, false),
        (vec![vec![frame(0, 0), frame(0, 100)]; 4].concat(), 9999, true),
        (vec![frame(1, 100); 500], 0, false),
        ([vec![frame(1, 100); 5], vec![frame(PING, 8); 15]].concat(), 0, false),
        ([vec![frame(1, 100); 5], vec![frame(PING, 8); 16]].concat(), 0, true),
    ] {
        let bytes = [vec![0; PREFACE_BYTES], frames.concat()].concat();
        for cut in [1, 7, 9, 100, usize::MAX] {
            let shown = Rc::<Readings>::default();
            let mut meter = Meter::new(&limits(10, 3), queue(), shown.clone());
            meter.sent(sent);
            bytes.chunks(cut.min(bytes.len())).for_each(|part| meter.received(part));
            assert_eq!(shown.over.get(), expected, "{} {:?} {cut}", frames.len(), frames[0]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_piece_of_a_body_allows_for_some() {
    for (pieces, frames, expected) in [(0, 10, false), (0, 11, true), (2, 18, false), (2, 19, true)] {
        let (shown, queue) = (Rc::<Readings>::default(), queue());
        let mut meter = Meter::new(&limits(10, 3), queue.clone(), shown.clone());
        meter.received(&[0; PREFACE_BYTES]);
        (0..pieces).for_each(|_| drop(Chunk::new(Bytes::from_static(b"x"), &queue)));
        meter.received(&frame(8, 4).repeat(frames));
        assert_eq!(shown.over.get(), expected, "{pieces} {frames}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_later_it_begins_anew() {
    let shown = Rc::<Readings>::default();
    let mut meter = Meter::new(&limits(10, 3), queue(), shown.clone());
    meter.received(&[0; PREFACE_BYTES]);
    for _ in 0..10 {
        meter.received(&frame(6, 8).repeat(9));
        tokio::time::advance(SECOND).await;
    }
    assert!(!shown.over.get());
    meter.received(&frame(6, 8).repeat(30));
    assert!(shown.over.get());
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_known_by_its_begin() {
    let flagged = |kind, flags| {
        let mut frame = frame(kind, 20);
        frame[4] = flags;
        frame
    };
    let (ping, data, head) = (frame(6, 8), frame(0, 100), flagged(1, 4));
    let (begins, goes_on, ends) = (flagged(1, 1), flagged(9, 0), flagged(9, 4));
    let cut = |frames: &[u8], less: usize| frames[..frames.len() - less].to_vec();
    // What comes a second each, and the second in which that began which is under way at the end.
    for (name, parts, expected) in [
        ("nothing", vec![], None),
        ("whole frames", vec![ping.clone(), data.clone(), head.clone()], None),
        ("half a frame's head", vec![ping.clone(), ping[..3].to_vec()], Some(1)),
        ("most of a frame", vec![cut(&ping, 1)], Some(0)),
        ("most of it, byte by byte", ping[..16].iter().map(|byte| vec![*byte]).collect(), Some(0)),
        ("a frame in two parts", vec![ping[..3].to_vec(), ping[3..].to_vec()], None),
        (
            "the end of one and the begin of another",
            vec![ping[..3].to_vec(), [&ping[3..], &ping[..3]].concat()],
            Some(1),
        ),
        ("a body that goes on", vec![cut(&data, 1)], Some(0)),
        ("a body in two parts", vec![cut(&data, 1), data[data.len() - 1..].to_vec()], None),
        ("half a body's frame's head", vec![data[..3].to_vec()], Some(0)),
        ("a head in one frame", vec![cut(&head, 1)], Some(0)),
        ("a head whose frames do not end", vec![begins.clone(), goes_on.clone(), goes_on.clone()], Some(0)),
        ("a head in three frames", vec![begins.clone(), goes_on, ends.clone()], None),
        ("a head in two, and another", vec![begins.clone(), ends, begins], Some(2)),
    ] {
        let shown = Rc::<Readings>::default();
        let mut meter = Meter::new(&limits(10, 3), queue(), shown.clone());
        meter.received(&[0; PREFACE_BYTES]);
        let start = Instant::now();
        for part in parts {
            meter.received(&part);
            tokio::time::advance(SECOND).await;
        }
        assert_eq!(shown.begun.get().map(|begun| (begun - start).as_secs()), expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_a_body_is_late_only_where_no_stream_is_open() {
    let shown = Rc::<Readings>::default();
    Meter::new(&limits(10, 3), queue(), shown.clone())
        .received(&[&[0; PREFACE_BYTES][..], &frame(0, 100)[..50]].concat());
    for (is_open, late) in [(true, false), (false, true)] {
        let waited = poll_fn(|context| shown.poll_late(SECOND, is_open, context));
        assert_eq!(timeout(10 * SECOND, waited).await.is_ok(), late, "{is_open}");
    }
}
