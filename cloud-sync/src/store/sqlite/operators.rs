//! Operators' accounts, their sign-ins and the audit as rows.

use machiai_core::ids::SiteId;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Sqlite, StoreError, Tried as _};
use crate::store::operators::{
    Account, CONSOLE, Entry, IDLE_FOR_S, LOCKED_FOR_S, Listed, MOST_TRIES, SIGNED_IN_FOR_S, SignIn, Standing, Try, Use,
    entry,
};

impl Sqlite {
    pub(crate) async fn add_operator(&self, name: &str, account: Account, now_s: u64) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.writer.write(move |db| add(db, &name, &account, now_s)).await
    }

    pub(crate) async fn remove_operator(&self, name: &str, now_s: u64) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.writer.write(move |db| remove(db, &name, now_s)).await
    }

    pub(crate) async fn operators(&self) -> Result<Vec<Listed>, StoreError> {
        self.ask(list).await
    }

    pub(crate) async fn count_try(&self, name: &str, now_s: u64) -> Result<Try, StoreError> {
        let name = name.to_owned();
        self.writer.write(move |db| count_try(db, &name, now_s)).await
    }

    pub(crate) async fn sign_in(&self, sign_in: SignIn) -> Result<bool, StoreError> {
        self.writer.write(move |db| begin(db, &sign_in)).await
    }

    pub(crate) async fn signed_in(&self, hash: [u8; 32], how: Use, now_s: u64) -> Result<Option<String>, StoreError> {
        let Some(found) = self.ask(move |db| standing(db, hash)).await?.filter(|found| found.counts(now_s)) else {
            return Ok(None);
        };
        if how == Use::Own && found.is_to_be_noted(now_s) {
            let sql = "UPDATE sign_ins SET used_s = max(used_s, ?2) WHERE hash = ?1";
            let used = move |db: &Connection| db.execute(sql, params![hash, now_s]).tried("note a sign-in's use");
            self.writer.write(used).await?;
        }
        Ok(Some(found.operator))
    }

    pub(crate) async fn sign_out(&self, hash: [u8; 32], now_s: u64) -> Result<bool, StoreError> {
        self.writer.write(move |db| end(db, hash, now_s)).await
    }

    pub(crate) async fn note_audit(&self, entry: Entry) -> Result<(), StoreError> {
        self.writer.write(move |db| note(db, &entry)).await
    }

    pub(crate) async fn audit(&self, since_s: u64, most: u32) -> Result<Vec<Entry>, StoreError> {
        self.ask(move |db| newest(db, since_s, most)).await
    }
}

fn add(db: &Connection, name: &str, account: &Account, now_s: u64) -> Result<bool, StoreError> {
    let sql = "INSERT INTO operators (name, password, totp) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let n_added = db.execute(sql, params![name, account.password, account.totp]).tried("add an operator")?;
    if n_added > 0 {
        note(db, &entry(now_s, CONSOLE, ("operator_added", name)))?;
    }
    Ok(n_added > 0)
}

fn remove(db: &Connection, name: &str, now_s: u64) -> Result<bool, StoreError> {
    let step = "remove an operator";
    db.execute("DELETE FROM sign_ins WHERE operator = ?1", [name]).tried(step)?;
    let n_removed = db.execute("DELETE FROM operators WHERE name = ?1", [name]).tried(step)?;
    if n_removed > 0 {
        note(db, &entry(now_s, CONSOLE, ("operator_removed", name)))?;
    }
    Ok(n_removed > 0)
}

fn list(db: &Connection) -> Result<Vec<Listed>, StoreError> {
    let step = "list the operators";
    let mut query = db.prepare_cached("SELECT name, locked_until_s FROM operators ORDER BY name").tried(step)?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).tried(step)?;
    rows.collect::<rusqlite::Result<_>>().tried(step)
}

fn count_try(db: &Connection, name: &str, now_s: u64) -> Result<Try, StoreError> {
    let step = "count a try to sign in";
    let sql = "SELECT password, totp, n_tries, locked_until_s > ?2 FROM operators WHERE name = ?1";
    let read = |row: &Row<'_>| {
        let account = Account { password: row.get(0)?, totp: row.get(1)? };
        Ok((account, row.get::<_, u64>(2)?, row.get::<_, bool>(3)?))
    };
    let found = db.prepare_cached(sql).tried(step)?.query_row(params![name, now_s], read).optional().tried(step)?;
    let Some((account, n_before, rests)) = found else { return Ok(Try::Nobody) };
    if rests {
        return Ok(Try::Rests);
    }
    let n_tries = n_before.saturating_add(1);
    let (n_tries, locked_until_s) =
        if n_tries >= MOST_TRIES { (0, now_s.saturating_add(LOCKED_FOR_S)) } else { (n_tries, 0) };
    let sql = "UPDATE operators SET n_tries = ?2, locked_until_s = ?3 WHERE name = ?1";
    db.execute(sql, params![name, n_tries, locked_until_s]).tried(step)?;
    Ok(Try::By(account))
}

fn begin(db: &Connection, SignIn { operator, hash, step, at_s }: &SignIn) -> Result<bool, StoreError> {
    let tried = "begin a sign-in";
    let sql = "UPDATE operators SET last_step = ?2, n_tries = 0, locked_until_s = 0 WHERE name = ?1 AND last_step < ?2";
    if db.execute(sql, params![operator, step]).tried(tried)? == 0 {
        return Ok(false);
    }
    // Those that are over are of no use to anybody.
    let (began_s, used_s) = (at_s.saturating_sub(SIGNED_IN_FOR_S), at_s.saturating_sub(IDLE_FOR_S));
    db.execute("DELETE FROM sign_ins WHERE began_s <= ?1 OR used_s <= ?2", [began_s, used_s]).tried(tried)?;
    let sql = "INSERT INTO sign_ins (hash, operator, began_s, used_s) VALUES (?1, ?2, ?3, ?3)";
    db.execute(sql, params![hash, operator, at_s]).tried(tried)?;
    note(db, &entry(*at_s, operator, ("signed_in", "")))?;
    Ok(true)
}

fn standing(db: &Connection, hash: [u8; 32]) -> Result<Option<Standing>, StoreError> {
    let step = "look who is signed in";
    let sql = "SELECT operator, began_s, used_s FROM sign_ins WHERE hash = ?1";
    let read = |row: &Row<'_>| Ok(Standing { operator: row.get(0)?, began_s: row.get(1)?, used_s: row.get(2)? });
    db.prepare_cached(sql).tried(step)?.query_row([hash], read).optional().tried(step)
}

fn end(db: &Connection, hash: [u8; 32], now_s: u64) -> Result<bool, StoreError> {
    let step = "end a sign-in";
    let sql = "DELETE FROM sign_ins WHERE hash = ?1 RETURNING operator";
    let operator: Option<String> = db.query_row(sql, [hash], |row| row.get(0)).optional().tried(step)?;
    let Some(operator) = operator else { return Ok(false) };
    note(db, &entry(now_s, &operator, ("signed_out", "")))?;
    Ok(true)
}

fn note(db: &Connection, entry: &Entry) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit (at_s, operator, what, site, detail) VALUES (?1, ?2, ?3, ?4, ?5)";
    let site = entry.site.map(|site| site.0);
    let row = params![entry.at_s, entry.operator, entry.what, site, entry.detail];
    db.prepare_cached(sql).and_then(|mut insert| insert.execute(row)).tried("add to the audit").map(drop)
}

fn newest(db: &Connection, since_s: u64, most: u32) -> Result<Vec<Entry>, StoreError> {
    let step = "read the audit";
    let sql = "SELECT at_s, operator, what, site, detail FROM audit WHERE at_s >= ?1 ORDER BY nth DESC LIMIT ?2";
    let mut query = db.prepare_cached(sql).tried(step)?;
    let read = |row: &Row<'_>| {
        let site = row.get::<_, Option<u32>>(3)?.map(SiteId);
        Ok(Entry { at_s: row.get(0)?, operator: row.get(1)?, what: row.get(2)?, site, detail: row.get(4)? })
    };
    query.query_map(params![since_s, most], read).tried(step)?.collect::<rusqlite::Result<_>>().tried(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_takes_a_line_out_of_the_audit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let store = Sqlite::open(&path).unwrap();
        store.note_audit(entry(7, "sato", ("message_set", "x"))).await.unwrap();
        let db = Connection::open(&path).unwrap();
        for sql in ["DELETE FROM audit", "UPDATE audit SET operator = 'nobody'"] {
            assert!(db.execute(sql, []).unwrap_err().to_string().contains("append-only"), "{sql}");
        }
        assert_eq!(store.audit(7, 10).await.unwrap(), [entry(7, "sato", ("message_set", "x"))]);
        assert_eq!(store.audit(8, 10).await.unwrap(), []);
    }
}
