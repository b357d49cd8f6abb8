//! Generations, enrolment codes and certificates as rows.
//!
//! Whoever changes who may speak for a site locks the site's row first, or a code's row before that: of two nodes with
//! one code, or one site, one waits for the other.

use deadpool_postgres::Transaction;
use machiai_core::ids::SiteId;
use machiai_wire::enrol::Generation;

use super::server::{Answer, Tried as _, Value, begin, begin_to_read, change, commit, number, row, signed};
use super::{Postgres, StoreError};
use crate::store::devices::{
    Admission, Boxes, CODES_REMEMBERED_S, CodeUse, Drawn, NewCertificate, NewCode, Replaces, Serial,
};

impl Postgres {
    pub(crate) async fn keep_code(&self, code: NewCode) -> Result<bool, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let is_kept = keep_code(&tx, &code).await?;
        commit(tx).await?;
        Ok(is_kept)
    }

    pub(crate) async fn use_code(
        &self,
        hash: [u8; 32],
        now_s: u64,
        certificate: NewCertificate,
    ) -> Result<CodeUse, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let used = use_code(&tx, hash, now_s, certificate).await?;
        commit(tx).await?;
        Ok(used)
    }

    pub(crate) async fn keep_certificate(
        &self,
        of: (SiteId, Generation),
        certificate: NewCertificate,
    ) -> Result<(), StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        keep_certificate(&tx, of, certificate).await?;
        commit(tx).await
    }

    pub(crate) async fn admission(&self, site: SiteId, serial: Serial) -> Result<Option<Admission>, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let stands = admission(&tx, site, serial).await?;
        commit(tx).await?;
        Ok(stands)
    }

    pub(crate) async fn raise(&self, site: SiteId, generation: Generation) -> Result<(), StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        raise(&tx, site, generation).await?;
        commit(tx).await
    }

    pub(crate) async fn revoke(&self, site: SiteId) -> Result<Option<usize>, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let n_revoked = revoke(&tx, site).await?;
        commit(tx).await?;
        Ok(n_revoked)
    }
}

fn numbered(site: SiteId) -> i64 {
    i64::from(site.0)
}

/// Locks a site until the change ends, and returns its generation that may speak; none for a site that is not known.
async fn lock(tx: &Transaction<'_>, site: SiteId) -> Result<Option<Generation>, StoreError> {
    let step = "lock a site";
    let found =
        row(tx, "SELECT generation FROM sites WHERE site = $1 FOR UPDATE", &[&numbered(site)]).await.tried(step)?;
    found.map(|row| number(&row, 0).tried(step)).transpose()?.map(generation).transpose()
}

fn generation(number: u64) -> Result<Generation, StoreError> {
    u32::try_from(number).map(Generation).map_err(|_too_large| StoreError::Lacks { what: "a generation of 32 bits" })
}

async fn keep_code(tx: &Transaction<'_>, code: &NewCode) -> Result<bool, StoreError> {
    let step = "keep an enrolment code";
    if lock(tx, code.site).await?.is_none() {
        return Ok(false);
    }
    let forgotten = code.until_s.saturating_sub(CODES_REMEMBERED_S);
    change(tx, "DELETE FROM codes WHERE until_s < $1", &[&signed(forgotten)]).await.tried(step)?;
    let sql = "INSERT INTO codes (hash, site, replaces, until_s) VALUES ($1, $2, $3, $4)";
    let replaces = code.replaces == Replaces::TheBox;
    let values: [Value<'_>; 4] = [&code.hash.as_slice(), &numbered(code.site), &replaces, &signed(code.until_s)];
    change(tx, sql, &values).await.tried(step)?;
    Ok(true)
}

async fn drawn(tx: &Transaction<'_>, hash: &[u8]) -> Answer<Option<Drawn>> {
    let sql = "SELECT site, replaces, until_s, used_s IS NOT NULL FROM codes WHERE hash = $1 FOR UPDATE";
    let Some(row) = row(tx, sql, &[&hash]).await? else { return Ok(None) };
    let site = SiteId(u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or(u32::MAX));
    Ok(Some(Drawn { site, replaces: row.try_get(1)?, until_s: number(&row, 2)?, is_used: row.try_get(3)? }))
}

async fn use_code(
    tx: &Transaction<'_>,
    hash: [u8; 32],
    now_s: u64,
    certificate: NewCertificate,
) -> Result<CodeUse, StoreError> {
    let step = "use an enrolment code";
    let Some(code) = drawn(tx, &hash).await.tried(step)? else { return Ok(CodeUse::Unknown) };
    if let Some(refused) = code.refused(now_s) {
        return Ok(refused);
    }
    let current = lock(tx, code.site).await?.ok_or(StoreError::Lacks { what: "an enrolment code's site" })?;
    let came = code.enrols(current, boxes(tx, (code.site, current)).await?);
    let CodeUse::Enrolled(enrolled) = came else { return Ok(came) };
    raise(tx, code.site, enrolled).await?;
    let sql = "UPDATE codes SET used_s = $2 WHERE hash = $1";
    change(tx, sql, &[&hash.as_slice(), &signed(now_s)]).await.tried(step)?;
    keep_certificate(tx, (code.site, enrolled), certificate).await?;
    Ok(came)
}

async fn boxes(tx: &Transaction<'_>, (site, generation): (SiteId, Generation)) -> Result<Boxes, StoreError> {
    let step = "look whether a site has a box";
    let sql = "SELECT is_revoked FROM certificates WHERE site = $1 AND generation = $2 ORDER BY is_revoked LIMIT 1";
    let found = row(tx, sql, &[&numbered(site), &i64::from(generation.0)]).await.tried(step)?;
    found.map(|row| row.try_get(0).tried(step)).transpose().map(Boxes::of)
}

async fn keep_certificate(
    tx: &Transaction<'_>,
    (site, generation): (SiteId, Generation),
    certificate: NewCertificate,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO certificates (serial, site, generation, not_after_s) VALUES ($1, $2, $3, $4)";
    let of = (numbered(site), i64::from(generation.0));
    let values: [Value<'_>; 4] = [&certificate.serial.as_slice(), &of.0, &of.1, &signed(certificate.not_after_s)];
    change(tx, sql, &values).await.tried("keep a certificate").map(drop)
}

async fn admission(tx: &Transaction<'_>, site: SiteId, serial: Serial) -> Result<Option<Admission>, StoreError> {
    let step = "look how a certificate stands";
    let sql = "SELECT generation, coalesce((SELECT is_revoked FROM certificates WHERE serial = $2), false)
               FROM sites WHERE site = $1";
    let Some(row) = row(tx, sql, &[&numbered(site), &serial.as_slice()]).await.tried(step)? else { return Ok(None) };
    let generation = generation(number(&row, 0).tried(step)?)?;
    Ok(Some(Admission { generation, is_revoked: row.try_get(1).tried(step)? }))
}

async fn raise(tx: &Transaction<'_>, site: SiteId, to: Generation) -> Result<(), StoreError> {
    let sql = "UPDATE sites SET generation = greatest(generation, $2) WHERE site = $1";
    change(tx, sql, &[&numbered(site), &i64::from(to.0)]).await.tried("raise a site's generation").map(drop)
}

async fn revoke(tx: &Transaction<'_>, site: SiteId) -> Result<Option<usize>, StoreError> {
    let Some(current) = lock(tx, site).await? else { return Ok(None) };
    let sql = "UPDATE certificates SET is_revoked = true WHERE site = $1 AND generation = $2 AND NOT is_revoked";
    let n_revoked = change(tx, sql, &[&numbered(site), &i64::from(current.0)]).await.tried("revoke certificates")?;
    Ok(Some(usize::try_from(n_revoked).unwrap_or(usize::MAX)))
}
