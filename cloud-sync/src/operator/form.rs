//! Forms with a file (RFC 7578), as browsers send them: few parts, all of them small.

/// Parts that a form has at most.
const MOST_PARTS: usize = 8;

/// Returns the boundary that a content type names; none where it is another type, or names none that browsers would.
fn boundary(content_type: &str) -> Option<&str> {
    let mut parts = content_type.split(';').map(str::trim);
    let is_form = parts.next()?.eq_ignore_ascii_case("multipart/form-data");
    let named = parts.find_map(|part| part.strip_prefix("boundary="))?.trim_matches('"');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_'()+,./:=?".contains(&byte);
    (is_form && (1..=70).contains(&named.len()) && named.bytes().all(is_plain)).then_some(named)
}

/// Reads a form's parts, as text by their names, in order; none where it is not one that a browser would send.
pub(super) fn read(content_type: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
    let boundary = boundary(content_type)?;
    let text = core::str::from_utf8(body).ok()?;
    let first = text.strip_prefix(&format!("--{boundary}\r\n"))?;
    let (parts, end) = first.rsplit_once(&format!("\r\n--{boundary}--"))?;
    if !end.trim().is_empty() {
        return None;
    }
    let parts: Vec<&str> = parts.split(&format!("\r\n--{boundary}\r\n")).collect();
    if parts.len() > MOST_PARTS {
        return None;
    }
    parts.into_iter().map(read_part).collect()
}

fn read_part(part: &str) -> Option<(String, String)> {
    let (head, value) = part.split_once("\r\n\r\n")?;
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    })?;
    let name = disposition.split(';').find_map(|part| part.trim().strip_prefix("name=\""))?.strip_suffix('"')?;
    Some((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=----WebKitFormBoundaryX1";

    fn form(parts: &str) -> Vec<u8> {
        parts.replace('\n', "\r\n").replace("==", "------WebKitFormBoundaryX1").into_bytes()
    }

    #[test]
    fn a_file_and_a_field_come_as_a_browser_sends_them() {
        let body = form(
            "==\nContent-Disposition: form-data; name=\"token\"\n\nabc\n==\nContent-Disposition: form-data; \
             name=\"table\"; filename=\"a.json\"\nContent-Type: application/json\n\n{\n}\n\n==--\n",
        );
        let read = read(TYPE, &body).unwrap();
        assert_eq!(read, [("token".into(), "abc".into()), ("table".into(), "{\r\n}\r\n".into())]);
    }

    #[test]
    fn what_no_browser_sends_is_no_form() {
        let whole = form("==\nContent-Disposition: form-data; name=\"a\"\n\n1\n==--\n");
        assert!(read(TYPE, &whole).is_some());
        for other in
            ["text/plain", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x"]
        {
            assert!(read(other, &whole).is_none(), "{other}");
        }
        for end in 0..whole.len() - 4 {
            assert!(read(TYPE, &whole[..end]).is_none(), "cut at {end}");
        }
        let part = "==\nContent-Disposition: form-data; name=\"a\"\n\n1\n";
        for bad in [part.repeat(9) + "==--", part.replace("name", "game") + "==--", part.to_owned() + "==--\nmore"] {
            assert!(read(TYPE, &form(&bad)).is_none(), "{bad}");
        }
        assert!(read(TYPE, b"------WebKitFormBoundaryX1\r\n\xff").is_none());
    }
}
