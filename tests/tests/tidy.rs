//! The repository keeps its own rules. What each rule refuses is tested beside it, in `tests/src/tidy/`.

use tests::tidy::{
    architecture, assert_none, files, heavy, layers as layer_rules, layout, length, manifests as manifest_rules,
    packages, unsafe_code as unsafe_rules, words,
};

#[test]
fn layers() {
    assert_none(&layer_rules::check(&packages()));
}

#[test]
fn pure_crates() {
    assert_none(&layer_rules::check_pure(&packages()));
}

#[test]
fn heavy_dependencies() {
    assert_none(&heavy::check(&packages()));
}

#[test]
fn manifests() {
    assert_none(&manifest_rules::check(&packages(), &files()));
}

#[test]
fn linker_layout() {
    assert_none(&layout::check(&files()));
}

#[test]
fn unsafe_code() {
    assert_none(&unsafe_rules::check(&files()));
}

#[test]
fn file_length() {
    assert_none(&length::check(&files()));
}

#[test]
fn keeper_length() {
    assert_none(&length::check_keeper(&files()));
}

#[test]
fn marks() {
    assert_none(&words::check_marks(&files()));
}

#[test]
fn origin() {
    assert_none(&words::check_origin(&files()));
}

#[test]
fn code_map() {
    assert_none(&architecture::check_crates(&packages(), &files()));
}

#[test]
fn invariants() {
    assert_none(&architecture::check_invariants(&files()));
}
