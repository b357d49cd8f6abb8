//! Sites as rows of the fleet.

use deadpool_postgres::Transaction;
use machiai_core::ids::SiteId;
use tokio_postgres::Row;

use super::server::{Answer, Tried as _, Value, begin_to_read, change, commit, rows};
use super::{Postgres, StoreError};
use crate::store::fleet::{Column, Copied, FleetRow, copied};

impl Postgres {
    pub(crate) async fn fleet(&self, site: Option<SiteId>) -> Result<Vec<FleetRow>, StoreError> {
        let step = "list the fleet";
        let sql = "SELECT sites.site, seen_ms, clinic, health, not_after_s, until_s FROM sites
                   LEFT JOIN fleet ON fleet.site = sites.site
                   LEFT JOIN (SELECT site, generation, max(not_after_s) AS not_after_s FROM certificates
                              WHERE NOT is_revoked GROUP BY site, generation) AS good
                       ON good.site = sites.site AND good.generation = sites.generation
                   LEFT JOIN (SELECT site, max(until_s) AS until_s FROM codes WHERE used_s IS NULL GROUP BY site) AS drawn
                       ON drawn.site = sites.site
                   WHERE $1::bigint IS NULL OR sites.site = $1 ORDER BY sites.site";
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let site = site.map(|site| i64::from(site.0));
        let found = rows(&tx, sql, &[&site]).await.tried(step)?;
        let fleet = found.iter().map(read).collect::<Answer<_>>();
        commit(tx).await?;
        fleet.tried(step)
    }
}

fn read(row: &Row) -> Answer<FleetRow> {
    let seconds = |column| Ok(row.try_get::<_, Option<i64>>(column)?.map(i64::cast_unsigned));
    Ok(FleetRow {
        site: SiteId(u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or(u32::MAX)),
        seen_ms: row.try_get(1)?,
        clinic: row.try_get(2)?,
        health: row.try_get(3)?,
        not_after_s: seconds(4)?,
        code_until_s: seconds(5)?,
    })
}

/// Copies what a site's facts tell of it into its row, unless that holds something newer.
pub(super) async fn copy(tx: &Transaction<'_>, site: SiteId, lines: &[Vec<u8>]) -> Result<(), StoreError> {
    for Copied { column, stamp, line } in copied(lines) {
        let sql = match column {
            Column::Clinic => {
                "INSERT INTO fleet (site, clinic, clinic_ms, clinic_n) VALUES ($1, $2, $3, $4) ON CONFLICT (site)
                 DO UPDATE SET clinic = excluded.clinic, clinic_ms = excluded.clinic_ms, clinic_n = excluded.clinic_n
                 WHERE fleet.clinic IS NULL
                     OR (fleet.clinic_ms, fleet.clinic_n) < (excluded.clinic_ms, excluded.clinic_n)"
            }
            Column::Health => {
                "INSERT INTO fleet (site, health, health_ms, health_n) VALUES ($1, $2, $3, $4) ON CONFLICT (site)
                 DO UPDATE SET health = excluded.health, health_ms = excluded.health_ms, health_n = excluded.health_n
                 WHERE fleet.health IS NULL
                     OR (fleet.health_ms, fleet.health_n) < (excluded.health_ms, excluded.health_n)"
            }
        };
        let values: [Value<'_>; 4] = [&i64::from(site.0), &line, &stamp.at.0, &i64::from(stamp.n)];
        change(tx, sql, &values).await.tried("copy what a site's facts tell")?;
    }
    Ok(())
}
