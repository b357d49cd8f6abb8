//! One box in another one's place: the new one takes no commands until it holds what the hub does, the one before takes
//! none from the moment at which it hears of it, and hands over what it had not sent.
//!
//! Where a box stands is written beside its certificate, since it is enrolled anew or not at all: a journal that is
//! copied or restored says nothing of it.

use machiai_core::command::Command;
use machiai_core::facts::OpenedAfter;
use machiai_wire::said::Failure;

use super::identity::{Identity, Stands};
use super::{Channel, Fault, told_fault};
use crate::gate::Aside;
use crate::vault::Private;

/// Returns why a box whose identity lies among these files stands aside from its start on; none where it does not.
pub(crate) fn aside(private: &Private) -> Option<Aside> {
    // What cannot be read is told by the channel.
    Identity::read(private).ok().flatten().and_then(|identity| aside_of(identity.stands()))
}

const fn aside_of(stands: Stands) -> Option<Aside> {
    match stands {
        Stands::Serves => None,
        Stands::Fills => Some(Aside::DayComing),
        Stands::Replaced => Some(Aside::Replaced),
    }
}

impl Channel {
    /// Follows the identity, which may have been made anew: the box is enrolled while it runs.
    pub(super) fn look_where_it_stands(&self) {
        if self.clients.client().is_ok() {
            self.app.gate.stand_aside(aside_of(self.clients.stands()));
        }
    }

    /// Whether the box has its place; it gets it once it holds all that the hub does, and loses it when it hears so.
    pub(super) fn has_its_place(&self) -> Result<bool, Fault> {
        Ok(match self.clients.stands() {
            Stands::Serves => true,
            Stands::Replaced => false,
            Stands::Fills => {
                let told = self.machine.told(&self.held);
                let has_all = told.mode.is_some() && told.n_missing == 0;
                if has_all {
                    self.take_place()?;
                }
                has_all
            }
        })
    }

    /// Begins the day that came: numbers that the box before gave and did not send are passed over.
    fn take_place(&self) -> Result<(), Fault> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.do_itself(Command::NoteOpening { version, after: OpenedAfter::Replacement })?;
        self.stand(Stands::Serves)?;
        tracing::warn!("this box has taken another one's place: numbering jumps ahead");
        self.do_itself(Command::PlaceRemote)
    }

    /// Stands aside when the hub says that another box has the place.
    pub(super) fn lose_place(&self) -> Result<(), Fault> {
        let told = self.machine.told(&self.held);
        if !matches!(told.failure, Some(Failure::Replaced { .. })) || self.clients.stands() == Stands::Replaced {
            return Ok(());
        }
        tracing::warn!("another box has taken this one's place: no commands are taken any more");
        self.stand(Stands::Replaced)
    }

    fn stand(&self, stands: Stands) -> Result<(), Fault> {
        self.clients.stand(stands).map_err(told_fault)?;
        self.app.gate.stand_aside(aside_of(stands));
        Ok(())
    }
}
