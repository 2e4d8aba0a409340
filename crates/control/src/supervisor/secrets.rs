//! The secrets of instances: none starts without all of its own.

use model::{NatsUrl, Problem, ServiceName, spec::Service, status::Trouble};

use super::{Supervisor, request::Answer, rollout::Rollout};
use crate::{release::Bundle, secrets::Values};

impl Supervisor {
    /// Makes sure that everything secret is known that a bundle runs with. What is not is read again.
    pub(super) fn find_secrets(&mut self, name: &ServiceName, bundle: &Bundle) -> Result<(), Trouble> {
        if !self.has_secrets(name, bundle) {
            self.vault.add(self.read_secrets(name, bundle)?);
        }
        Ok(())
    }

    /// Whether another instance of the service can have its secrets.
    pub(super) fn may_start(&mut self, name: &ServiceName) -> Answer<()> {
        let bundle = self.services.get(name).and_then(|service| service.own_bundle()).cloned();
        let found = bundle.map_or(Ok(()), |bundle| self.find_secrets(name, &bundle));
        found.map_err(|Trouble { cause, hint, .. }| {
            let title = "no instance can start without its secrets";
            Box::new(Problem::new(409, "secrets-missing", title, hint).with_detail(cause))
        })
    }

    /// That a service can start no instance now, and what to do about it.
    pub(super) fn secrets_notice(&self) -> Option<String> {
        let coming = self.rollout.as_ref().map(Rollout::coming);
        let mut bundles = self.release.iter().chain(&coming).flat_map(|release| &release.bundles);
        bundles.find_map(|(name, bundle)| {
            let lacks = !self.has_secrets(name, bundle);
            let Trouble { cause, hint, .. } = lacks.then(|| self.read_secrets(name, bundle))?.err()?;
            Some(format!("no instance of `{name}` can start: {cause}; {hint}"))
        })
    }

    fn read_secrets(&self, name: &ServiceName, bundle: &Bundle) -> Result<Values, Trouble> {
        self.config.secrets.of(self.config.system.nats.as_ref(), name, &bundle.spec)
    }

    pub(super) fn has_secrets(&self, name: &ServiceName, bundle: &Bundle) -> bool {
        let password = self.password_name(name, &bundle.spec);
        self.vault.has(bundle) && password.is_none_or(|secret| self.vault.now(&secret).is_some())
    }

    /// The service's own at the NATS server.
    fn password(&self, name: &ServiceName, spec: &Service) -> Option<&String> {
        self.vault.now(&self.password_name(name, spec)?)
    }

    fn password_name(&self, name: &ServiceName, spec: &Service) -> Option<String> {
        self.config.system.nats.as_ref()?.secret(name, spec)
    }

    /// The NATS server that the manifest names, as the service's own user where it has one.
    pub(super) fn nats_url(&self, name: &ServiceName, spec: &Service) -> Option<NatsUrl> {
        let nats = self.config.system.nats.as_ref().filter(|_| spec.uses_messages())?;
        let own = self.password(name, spec).and_then(|password| nats.url.for_user(name.as_str(), password).ok());
        Some(own.unwrap_or_else(|| nats.url.clone()))
    }

    /// What nobody may see of what an instance writes and answers.
    pub(super) fn hidden(&self, name: &ServiceName, bundle: &Bundle) -> Vec<String> {
        self.vault.of(bundle).into_values().chain(self.password(name, &bundle.spec).cloned()).collect()
    }
}
