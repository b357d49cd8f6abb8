//! Sites as rows of the fleet.

use machiai_core::ids::SiteId;
use rusqlite::{Connection, Row, params};

use super::{Sqlite, StoreError, Tried as _};
use crate::store::fleet::{Column, Copied, FleetRow, copied};

impl Sqlite {
    pub(crate) async fn fleet(&self, site: Option<SiteId>) -> Result<Vec<FleetRow>, StoreError> {
        self.ask(move |db| list(db, site)).await
    }
}

/// Copies what a site's facts tell of it into its row, unless that holds something newer.
pub(super) fn copy(db: &Connection, site: SiteId, lines: &[Vec<u8>]) -> Result<(), StoreError> {
    for Copied { column, stamp, line } in copied(lines) {
        let sql = match column {
            Column::Clinic => {
                "INSERT INTO fleet (site, clinic, clinic_ms, clinic_n) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (site)
                 DO UPDATE SET clinic = excluded.clinic, clinic_ms = excluded.clinic_ms, clinic_n = excluded.clinic_n
                 WHERE clinic IS NULL OR (fleet.clinic_ms, fleet.clinic_n) < (excluded.clinic_ms, excluded.clinic_n)"
            }
            Column::Health => {
                "INSERT INTO fleet (site, health, health_ms, health_n) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (site)
                 DO UPDATE SET health = excluded.health, health_ms = excluded.health_ms, health_n = excluded.health_n
                 WHERE health IS NULL OR (fleet.health_ms, fleet.health_n) < (excluded.health_ms, excluded.health_n)"
            }
        };
        db.execute(sql, params![site.0, line, stamp.at.0, stamp.n]).tried("copy what a site's facts tell")?;
    }
    Ok(())
}

fn list(db: &Connection, site: Option<SiteId>) -> Result<Vec<FleetRow>, StoreError> {
    let step = "list the fleet";
    let sql = "SELECT sites.site, seen_ms, clinic, health, not_after_s, until_s FROM sites
               LEFT JOIN fleet ON fleet.site = sites.site
               LEFT JOIN (SELECT site, generation, max(not_after_s) AS not_after_s FROM certificates
                          WHERE is_revoked = 0 GROUP BY site, generation) AS good
                   ON good.site = sites.site AND good.generation = sites.generation
               LEFT JOIN (SELECT site, max(until_s) AS until_s FROM codes WHERE used_s IS NULL GROUP BY site) AS drawn
                   ON drawn.site = sites.site
               WHERE ?1 IS NULL OR sites.site = ?1 ORDER BY sites.site";
    let mut query = db.prepare_cached(sql).tried(step)?;
    let read = |row: &Row<'_>| {
        Ok(FleetRow {
            site: SiteId(row.get(0)?),
            seen_ms: row.get(1)?,
            clinic: row.get(2)?,
            health: row.get(3)?,
            not_after_s: row.get(4)?,
            code_until_s: row.get(5)?,
        })
    };
    let site = site.map(|site| site.0);
    query.query_map([site], read).tried(step)?.collect::<rusqlite::Result<_>>().tried(step)
}
