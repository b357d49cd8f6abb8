//! Operators' accounts, their sign-ins and the audit as rows.

use deadpool_postgres::Transaction;
use machiai_core::ids::SiteId;
use tokio_postgres::Row;

use super::server::{Answer, Tried as _, Value, begin, begin_to_read, change, commit, number, row, rows, signed};
use super::{Postgres, StoreError};
use crate::store::operators::{
    Account, CONSOLE, Entry, IDLE_FOR_S, LOCKED_FOR_S, Listed, MOST_TRIES, SIGNED_IN_FOR_S, SignIn, Standing, Try, Use,
    entry,
};

impl Postgres {
    pub(crate) async fn add_operator(&self, name: &str, account: Account, now_s: u64) -> Result<bool, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let sql = "INSERT INTO operators (name, password, totp) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let values: [Value<'_>; 3] = [&name, &account.password.as_slice(), &account.totp.as_slice()];
        let is_new = change(&tx, sql, &values).await.tried("add an operator")? > 0;
        if is_new {
            note(&tx, &entry(now_s, CONSOLE, ("operator_added", name))).await?;
        }
        commit(tx).await?;
        Ok(is_new)
    }

    pub(crate) async fn remove_operator(&self, name: &str, now_s: u64) -> Result<bool, StoreError> {
        let step = "remove an operator";
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let was_there = change(&tx, "DELETE FROM operators WHERE name = $1", &[&name]).await.tried(step)? > 0;
        // The account first: a sign-in that begins meanwhile waits for it, and finds none.
        change(&tx, "DELETE FROM sign_ins WHERE operator = $1", &[&name]).await.tried(step)?;
        if was_there {
            note(&tx, &entry(now_s, CONSOLE, ("operator_removed", name))).await?;
        }
        commit(tx).await?;
        Ok(was_there)
    }

    pub(crate) async fn operators(&self) -> Result<Vec<Listed>, StoreError> {
        let step = "list the operators";
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let found = rows(&tx, "SELECT name, locked_until_s FROM operators ORDER BY name", &[]).await.tried(step)?;
        let listed = found.iter().map(|row| Ok((row.try_get(0)?, number(row, 1)?))).collect::<Answer<_>>();
        commit(tx).await?;
        listed.tried(step)
    }

    pub(crate) async fn count_try(&self, name: &str, now_s: u64) -> Result<Try, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let account = count_try(&tx, name, now_s).await?;
        commit(tx).await?;
        Ok(account)
    }

    pub(crate) async fn sign_in(&self, sign_in: SignIn) -> Result<bool, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let has_begun = sign_in_once(&tx, &sign_in).await?;
        commit(tx).await?;
        Ok(has_begun)
    }

    pub(crate) async fn signed_in(&self, hash: [u8; 32], how: Use, now_s: u64) -> Result<Option<String>, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let found = standing(&tx, &hash).await.tried("look who is signed in")?.filter(|found| found.counts(now_s));
        if how == Use::Own && found.as_ref().is_some_and(|found| found.is_to_be_noted(now_s)) {
            let sql = "UPDATE sign_ins SET used_s = greatest(used_s, $2) WHERE hash = $1";
            change(&tx, sql, &[&hash.as_slice(), &signed(now_s)]).await.tried("note a sign-in's use")?;
        }
        commit(tx).await?;
        Ok(found.map(|found| found.operator))
    }

    pub(crate) async fn sign_out(&self, hash: [u8; 32], now_s: u64) -> Result<bool, StoreError> {
        let step = "end a sign-in";
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let sql = "DELETE FROM sign_ins WHERE hash = $1 RETURNING operator";
        let ended = row(&tx, sql, &[&hash.as_slice()]).await.tried(step)?;
        if let Some(ended) = &ended {
            note(&tx, &entry(now_s, ended.try_get(0).tried(step)?, ("signed_out", ""))).await?;
        }
        commit(tx).await?;
        Ok(ended.is_some())
    }

    pub(crate) async fn note_audit(&self, entry: Entry) -> Result<(), StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        note(&tx, &entry).await?;
        commit(tx).await
    }

    pub(crate) async fn audit(&self, since_s: u64, most: u32) -> Result<Vec<Entry>, StoreError> {
        let step = "read the audit";
        let sql = "SELECT at_s, operator, what, site, detail FROM audit WHERE at_s >= $1 ORDER BY nth DESC LIMIT $2";
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let found = rows(&tx, sql, &[&signed(since_s), &i64::from(most)]).await.tried(step)?;
        let entries = found.iter().map(read_entry).collect::<Answer<_>>();
        commit(tx).await?;
        entries.tried(step)
    }
}

fn bytes<const N: usize>(row: &Row, column: usize) -> Result<[u8; N], StoreError> {
    let bytes: Vec<u8> = row.try_get(column).tried("read an operator")?;
    bytes.try_into().map_err(|_other_length| StoreError::Lacks { what: "an operator's secrets" })
}

async fn count_try(tx: &Transaction<'_>, name: &str, now_s: u64) -> Result<Try, StoreError> {
    let step = "count a try to sign in";
    let sql = "SELECT password, totp, n_tries, locked_until_s > $2 FROM operators WHERE name = $1 FOR UPDATE";
    let Some(found) = row(tx, sql, &[&name, &signed(now_s)]).await.tried(step)? else { return Ok(Try::Nobody) };
    if found.try_get(3).tried(step)? {
        return Ok(Try::Rests);
    }
    let n_tries = number(&found, 2).tried(step)?.saturating_add(1);
    let (n_tries, locked_until_s) =
        if n_tries >= MOST_TRIES { (0, now_s.saturating_add(LOCKED_FOR_S)) } else { (n_tries, 0) };
    let sql = "UPDATE operators SET n_tries = $2, locked_until_s = $3 WHERE name = $1";
    change(tx, sql, &[&name, &signed(n_tries), &signed(locked_until_s)]).await.tried(step)?;
    Ok(Try::By(Account { password: bytes(&found, 0)?, totp: bytes(&found, 1)? }))
}

async fn sign_in_once(tx: &Transaction<'_>, sign_in: &SignIn) -> Result<bool, StoreError> {
    let tried = "begin a sign-in";
    let SignIn { operator, hash, step, at_s } = sign_in;
    let sql = "UPDATE operators SET last_step = $2, n_tries = 0, locked_until_s = 0 WHERE name = $1 AND last_step < $2";
    if change(tx, sql, &[operator, &signed(*step)]).await.tried(tried)? == 0 {
        return Ok(false);
    }
    // Those that are over are of no use to anybody.
    let (began_s, used_s) = (at_s.saturating_sub(SIGNED_IN_FOR_S), at_s.saturating_sub(IDLE_FOR_S));
    let sql = "DELETE FROM sign_ins WHERE began_s <= $1 OR used_s <= $2";
    change(tx, sql, &[&signed(began_s), &signed(used_s)]).await.tried(tried)?;
    let sql = "INSERT INTO sign_ins (hash, operator, began_s, used_s) VALUES ($1, $2, $3, $3)";
    change(tx, sql, &[&hash.as_slice(), operator, &signed(*at_s)]).await.tried(tried)?;
    note(tx, &entry(*at_s, operator, ("signed_in", ""))).await?;
    Ok(true)
}

async fn standing(tx: &Transaction<'_>, hash: &[u8]) -> Answer<Option<Standing>> {
    let sql = "SELECT operator, began_s, used_s FROM sign_ins WHERE hash = $1";
    let Some(row) = row(tx, sql, &[&hash]).await? else { return Ok(None) };
    Ok(Some(Standing { operator: row.try_get(0)?, began_s: number(&row, 1)?, used_s: number(&row, 2)? }))
}

async fn note(tx: &Transaction<'_>, entry: &Entry) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit (at_s, operator, what, site, detail) VALUES ($1, $2, $3, $4, $5)";
    let site = entry.site.map(|site| i64::from(site.0));
    let values: [Value<'_>; 5] = [&signed(entry.at_s), &entry.operator, &entry.what, &site, &entry.detail];
    change(tx, sql, &values).await.tried("add to the audit").map(drop)
}

fn read_entry(row: &Row) -> Answer<Entry> {
    let site = row.try_get::<_, Option<i64>>(3)?.map(|site| SiteId(u32::try_from(site).unwrap_or(u32::MAX)));
    let at_s = number(row, 0)?;
    Ok(Entry { at_s, operator: row.try_get(1)?, what: row.try_get(2)?, site, detail: row.try_get(4)? })
}
