//! Generations, enrolment codes and certificates as rows.

use machiai_core::ids::SiteId;
use machiai_wire::enrol::Generation;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Sqlite, StoreError, Tried as _};
use crate::store::devices::{
    Admission, Boxes, CODES_REMEMBERED_S, CodeUse, Drawn, NewCertificate, NewCode, Replaces, Serial,
};

impl Sqlite {
    pub(crate) async fn keep_code(&self, code: NewCode) -> Result<bool, StoreError> {
        self.writer.write(move |db| keep_code(db, &code)).await
    }

    pub(crate) async fn use_code(
        &self,
        hash: [u8; 32],
        now_s: u64,
        certificate: NewCertificate,
    ) -> Result<CodeUse, StoreError> {
        self.writer.write(move |db| use_code(db, hash, now_s, certificate)).await
    }

    pub(crate) async fn keep_certificate(
        &self,
        of: (SiteId, Generation),
        certificate: NewCertificate,
    ) -> Result<(), StoreError> {
        self.writer.write(move |db| keep_certificate(db, of, certificate)).await
    }

    pub(crate) async fn admission(&self, site: SiteId, serial: Serial) -> Result<Option<Admission>, StoreError> {
        self.ask(move |db| admission(db, site, serial)).await
    }

    pub(crate) async fn raise(&self, site: SiteId, generation: Generation) -> Result<(), StoreError> {
        self.writer.write(move |db| raise(db, site, generation)).await
    }

    pub(crate) async fn revoke(&self, site: SiteId) -> Result<Option<usize>, StoreError> {
        self.writer.write(move |db| revoke(db, site)).await
    }
}

/// Returns the generation of a site that may speak.
fn generation(db: &Connection, site: SiteId) -> Result<Option<Generation>, StoreError> {
    let step = "read a site's generation";
    let mut statement = db.prepare_cached("SELECT generation FROM sites WHERE site = ?1").tried(step)?;
    statement.query_row([site.0], |row| row.get(0).map(Generation)).optional().tried(step)
}

fn keep_code(db: &Connection, code: &NewCode) -> Result<bool, StoreError> {
    let step = "keep an enrolment code";
    if generation(db, code.site)?.is_none() {
        return Ok(false);
    }
    let forgotten = code.until_s.saturating_sub(CODES_REMEMBERED_S);
    db.execute("DELETE FROM codes WHERE until_s < ?1", [forgotten]).tried(step)?;
    let sql = "INSERT INTO codes (hash, site, replaces, until_s) VALUES (?1, ?2, ?3, ?4)";
    let replaces = code.replaces == Replaces::TheBox;
    db.execute(sql, params![code.hash, code.site.0, replaces, code.until_s]).tried(step)?;
    Ok(true)
}

fn use_code(db: &Connection, hash: [u8; 32], now_s: u64, certificate: NewCertificate) -> Result<CodeUse, StoreError> {
    let step = "use an enrolment code";
    let sql = "SELECT site, replaces, until_s, used_s FROM codes WHERE hash = ?1";
    let mut statement = db.prepare_cached(sql).tried(step)?;
    let read = |row: &rusqlite::Row<'_>| {
        let (site, is_used) = (SiteId(row.get(0)?), row.get::<_, Option<u64>>(3)?.is_some());
        Ok(Drawn { site, replaces: row.get(1)?, until_s: row.get(2)?, is_used })
    };
    let Some(code) = statement.query_row([hash], read).optional().tried(step)? else {
        return Ok(CodeUse::Unknown);
    };
    if let Some(refused) = code.refused(now_s) {
        return Ok(refused);
    }
    let current = generation(db, code.site)?.ok_or(StoreError::Lacks { what: "an enrolment code's site" })?;
    let came = code.enrols(current, boxes(db, (code.site, current))?);
    let CodeUse::Enrolled(enrolled) = came else { return Ok(came) };
    raise(db, code.site, enrolled)?;
    db.execute("UPDATE codes SET used_s = ?2 WHERE hash = ?1", params![hash, now_s]).tried(step)?;
    keep_certificate(db, (code.site, enrolled), certificate)?;
    Ok(came)
}

fn boxes(db: &Connection, (site, generation): (SiteId, Generation)) -> Result<Boxes, StoreError> {
    let step = "look whether a site has a box";
    let sql = "SELECT is_revoked FROM certificates WHERE site = ?1 AND generation = ?2 ORDER BY is_revoked LIMIT 1";
    let mut statement = db.prepare_cached(sql).tried(step)?;
    statement.query_row(params![site.0, generation.0], |row| row.get(0)).optional().tried(step).map(Boxes::of)
}

fn keep_certificate(
    db: &Connection,
    (site, generation): (SiteId, Generation),
    certificate: NewCertificate,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO certificates (serial, site, generation, not_after_s, is_revoked) VALUES (?1, ?2, ?3, ?4, 0)";
    let row = params![certificate.serial, site.0, generation.0, certificate.not_after_s];
    db.execute(sql, row).tried("keep a certificate").map(drop)
}

fn admission(db: &Connection, site: SiteId, serial: Serial) -> Result<Option<Admission>, StoreError> {
    let step = "look how a certificate stands";
    let Some(generation) = generation(db, site)? else { return Ok(None) };
    let sql = "SELECT is_revoked FROM certificates WHERE serial = ?1";
    let mut statement = db.prepare_cached(sql).tried(step)?;
    let is_revoked = statement.query_row([serial], |row| row.get(0)).optional().tried(step)?;
    Ok(Some(Admission { generation, is_revoked: is_revoked.unwrap_or(false) }))
}

fn raise(db: &Connection, site: SiteId, to: Generation) -> Result<(), StoreError> {
    let sql = "UPDATE sites SET generation = max(generation, ?2) WHERE site = ?1";
    db.execute(sql, params![site.0, to.0]).tried("raise a site's generation").map(drop)
}

fn revoke(db: &Connection, site: SiteId) -> Result<Option<usize>, StoreError> {
    let Some(current) = generation(db, site)? else { return Ok(None) };
    let sql = "UPDATE certificates SET is_revoked = 1 WHERE site = ?1 AND generation = ?2 AND is_revoked = 0";
    let n_revoked = db.execute(sql, params![site.0, current.0]).tried("revoke certificates")?;
    Ok(Some(n_revoked))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId(1001);

    async fn store() -> (Sqlite, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("hub.db")).unwrap();
        assert!(store.add_site(SITE).await.unwrap());
        (store, folder)
    }

    fn code(of: u8, replaces: Replaces) -> NewCode {
        NewCode { site: SITE, hash: [of; 32], replaces, until_s: 100 }
    }

    fn certificate(of: u8) -> NewCertificate {
        NewCertificate { serial: [of; 16], not_after_s: 1_000 }
    }

    #[tokio::test]
    async fn a_code_is_used_once_and_in_time_and_by_a_site_without_a_box() {
        let (store, _folder) = store().await;
        let use_it = async |of: u8, now_s, serial| store.use_code([of; 32], now_s, certificate(serial)).await.unwrap();
        assert_eq!(use_it(1, 50, 1).await, CodeUse::Unknown);
        assert!(store.keep_code(code(1, Replaces::Nothing)).await.unwrap());
        assert_eq!(use_it(1, 101, 1).await, CodeUse::Old);
        assert_eq!(use_it(1, 100, 1).await, CodeUse::Enrolled(Generation(1)));
        assert_eq!(use_it(1, 100, 2).await, CodeUse::Used);
        store.keep_code(code(2, Replaces::Nothing)).await.unwrap();
        assert_eq!(use_it(2, 100, 2).await, CodeUse::HasABox);
        assert_eq!(store.revoke(SITE).await.unwrap(), Some(1));
        assert_eq!(use_it(2, 100, 2).await, CodeUse::Enrolled(Generation(2)), "a code that was refused is not used up");
        let before = store.admission(SITE, [1; 16]).await.unwrap();
        assert_eq!(before, Some(Admission { generation: Generation(2), is_revoked: true }), "its place is taken");
        let elsewhere = NewCode { site: SiteId(7), ..code(3, Replaces::Nothing) };
        assert!(!store.keep_code(elsewhere).await.unwrap(), "a site that is not known has no codes");
    }

    #[tokio::test]
    async fn a_code_that_replaces_raises_the_generation_when_it_is_used() {
        let (store, _folder) = store().await;
        store.keep_code(code(1, Replaces::Nothing)).await.unwrap();
        store.use_code([1; 32], 1, certificate(1)).await.unwrap();
        store.keep_code(code(2, Replaces::TheBox)).await.unwrap();
        let stands = async |serial| store.admission(SITE, serial).await.unwrap().unwrap();
        assert_eq!(stands([1; 16]).await, Admission { generation: Generation(1), is_revoked: false });
        let used = store.use_code([2; 32], 1, certificate(2)).await.unwrap();
        assert_eq!(used, CodeUse::Enrolled(Generation(2)));
        assert_eq!(stands([1; 16]).await.generation, Generation(2));
        assert_eq!(store.revoke(SITE).await.unwrap(), Some(1), "those of the generation that may speak");
        assert!(!stands([1; 16]).await.is_revoked && stands([2; 16]).await.is_revoked);
    }

    #[tokio::test]
    async fn a_generation_only_rises_and_a_certificate_that_was_forgotten_is_not_revoked() {
        let (store, _folder) = store().await;
        for to in [5, 3] {
            store.raise(SITE, Generation(to)).await.unwrap();
        }
        let stands = store.admission(SITE, [9; 16]).await.unwrap();
        assert_eq!(stands, Some(Admission { generation: Generation(5), is_revoked: false }));
        assert_eq!(store.admission(SiteId(7), [9; 16]).await.unwrap(), None);
        assert_eq!(store.revoke(SiteId(7)).await.unwrap(), None);
    }
}
