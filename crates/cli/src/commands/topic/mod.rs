//! `isles topic`.

mod dead;
mod info;
mod ls;
mod publish;
mod replay;
mod rm;
pub(super) mod summary;
mod tail;
#[cfg(test)]
mod tests;

use model::api::DeadQuery;

use crate::{
    Context,
    args::{ConsumerVerb, DeadVerb, TopicVerb},
    exit::ExitCode,
};

pub(crate) async fn run(context: Context<'_>, verb: &TopicVerb) -> anyhow::Result<ExitCode> {
    match verb {
        TopicVerb::Ls => ls::run(context).await,
        TopicVerb::Info { topic } => info::run(context, topic).await,
        TopicVerb::Pub(args) => publish::run(context, args).await,
        TopicVerb::Tail(args) => tail::run(context, args).await,
        TopicVerb::Replay(args) => replay::run(context, args).await,
        TopicVerb::Rm(args) => rm::message(context, args).await,
        TopicVerb::Consumer { verb: ConsumerVerb::Rm { topic, consumer } } => {
            rm::consumer(context, topic, consumer).await
        }
        TopicVerb::Dead { verb: DeadVerb::Ls { topic, consumer, count } } => {
            let which = DeadQuery { consumer: consumer.clone(), limit: Some(*count) };
            dead::list(context, topic.as_ref(), &which).await
        }
        TopicVerb::Dead { verb: DeadVerb::Replay(args) } => dead::replay(context, args).await,
        TopicVerb::Dead { verb: DeadVerb::Rm(args) } => dead::remove(context, args).await,
    }
}
