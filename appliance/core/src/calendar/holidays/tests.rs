//! The computed holidays against the lists the Cabinet Office published.

use rstest::rstest;

use super::*;

/// Checks a year against its list: months apart by `;`, the days of a month behind its colon.
fn check(year: i16, months: &str) {
    let mut wanted = Vec::new();
    for month in months.split("; ") {
        let (month, days) = month.split_once(": ").unwrap();
        wanted
            .extend(days.split(' ').map(|day| Date::new(year, month.parse().unwrap(), day.parse().unwrap()).unwrap()));
    }
    let found: Vec<Date> = of_year(year).iter().map(|holiday| holiday.day.0).collect();
    assert_eq!(found, wanted, "holidays of {year}");
}

#[rstest]
#[case(2000, "1: 1 10; 2: 11; 3: 20; 4: 29; 5: 3 4 5; 7: 20; 9: 15 23; 10: 9; 11: 3 23; 12: 23")]
#[case(2001, "1: 1 8; 2: 11 12; 3: 20; 4: 29 30; 5: 3 4 5; 7: 20; 9: 15 23 24; 10: 8; 11: 3 23; 12: 23 24")]
#[case(2003, "1: 1 13; 2: 11; 3: 21; 4: 29; 5: 3 5; 7: 21; 9: 15 23; 10: 13; 11: 3 23 24; 12: 23")]
#[case(2008, "1: 1 14; 2: 11; 3: 20; 4: 29; 5: 3 4 5 6; 7: 21; 9: 15 23; 10: 13; 11: 3 23 24; 12: 23")]
#[case(2009, "1: 1 12; 2: 11; 3: 20; 4: 29; 5: 3 4 5 6; 7: 20; 9: 21 22 23; 10: 12; 11: 3 23; 12: 23")]
#[case(2015, "1: 1 12; 2: 11; 3: 21; 4: 29; 5: 3 4 5 6; 7: 20; 9: 21 22 23; 10: 12; 11: 3 23; 12: 23")]
#[case(2016, "1: 1 11; 2: 11; 3: 20 21; 4: 29; 5: 3 4 5; 7: 18; 8: 11; 9: 19 22; 10: 10; 11: 3 23; 12: 23")]
#[case(2018, "1: 1 8; 2: 11 12; 3: 21; 4: 29 30; 5: 3 4 5; 7: 16; 8: 11; 9: 17 23 24; 10: 8; 11: 3 23; 12: 23 24")]
#[case(2019, "1: 1 14; 2: 11; 3: 21; 4: 29 30; 5: 1 2 3 4 5 6; 7: 15; 8: 11 12; 9: 16 23; 10: 14 22; 11: 3 4 23")]
#[case(2020, "1: 1 13; 2: 11 23 24; 3: 20; 4: 29; 5: 3 4 5 6; 7: 23 24; 8: 10; 9: 21 22; 11: 3 23")]
#[case(2021, "1: 1 11; 2: 11 23; 3: 20; 4: 29; 5: 3 4 5; 7: 22 23; 8: 8 9; 9: 20 23; 11: 3 23")]
#[case(2022, "1: 1 10; 2: 11 23; 3: 21; 4: 29; 5: 3 4 5; 7: 18; 8: 11; 9: 19 23; 10: 10; 11: 3 23")]
#[case(2023, "1: 1 2 9; 2: 11 23; 3: 21; 4: 29; 5: 3 4 5; 7: 17; 8: 11; 9: 18 23; 10: 9; 11: 3 23")]
#[case(2024, "1: 1 8; 2: 11 12 23; 3: 20; 4: 29; 5: 3 4 5 6; 7: 15; 8: 11 12; 9: 16 22 23; 10: 14; 11: 3 4 23")]
#[case(2025, "1: 1 13; 2: 11 23 24; 3: 20; 4: 29; 5: 3 4 5 6; 7: 21; 8: 11; 9: 15 23; 10: 13; 11: 3 23 24")]
#[case(2026, "1: 1 12; 2: 11 23; 3: 20; 4: 29; 5: 3 4 5 6; 7: 20; 8: 11; 9: 21 22 23; 10: 12; 11: 3 23")]
#[case(2027, "1: 1 11; 2: 11 23; 3: 21 22; 4: 29; 5: 3 4 5; 7: 19; 8: 11; 9: 20 23; 10: 11; 11: 3 23")]
#[case(2032, "1: 1 12; 2: 11 23; 3: 20; 4: 29; 5: 3 4 5; 7: 19; 8: 11; 9: 20 21 22; 10: 11; 11: 3 23")]
fn a_year_has_the_holidays_of_its_law(#[case] year: i16, #[case] months: &str) {
    check(year, months);
}

#[rstest]
#[case("2005-05-04", "国民の休日", "Citizens' Holiday")]
#[case("2006-04-29", "みどりの日", "Greenery Day")]
#[case("2007-04-29", "昭和の日", "Showa Day")]
#[case("2007-05-04", "みどりの日", "Greenery Day")]
#[case("2009-09-22", "国民の休日", "Citizens' Holiday")]
#[case("2015-09-22", "国民の休日", "Citizens' Holiday")]
#[case("2018-12-23", "天皇誕生日", "Emperor's Birthday")]
#[case("2018-12-24", "振替休日", "Substitute Holiday")]
#[case("2019-04-30", "国民の休日", "Citizens' Holiday")]
#[case("2019-05-01", "天皇の即位の日", "Day of the Enthronement")]
#[case("2019-05-02", "国民の休日", "Citizens' Holiday")]
#[case("2019-10-22", "即位礼正殿の儀の行われる日", "Day of the Enthronement Ceremony")]
#[case("2020-05-06", "振替休日", "Substitute Holiday")]
#[case("2020-07-24", "スポーツの日", "Sports Day")]
#[case("2021-08-08", "山の日", "Mountain Day")]
#[case("2026-09-22", "国民の休日", "Citizens' Holiday")]
#[case("2032-09-21", "国民の休日", "Citizens' Holiday")]
fn a_holiday_has_its_names(#[case] day: &str, #[case] ja: &str, #[case] en: &str) {
    let day = day.parse().unwrap();
    assert_eq!(on(day).map(|found| (found.day, found.ja, found.en)), Some((day, ja, en)));
}

#[rstest]
#[case("2003-05-04")]
#[case("2015-08-11")]
#[case("2019-02-23")]
#[case("2019-12-23")]
#[case("2020-07-20")]
#[case("2020-10-12")]
#[case("2021-10-11")]
#[case("2026-11-24")]
#[case("1999-01-01")]
#[case("2100-01-01")]
fn a_day_the_law_does_not_name_is_no_holiday(#[case] day: &str) {
    assert_eq!(on(day.parse().unwrap()), None, "{day}");
}

#[test]
fn every_known_year_has_between_fifteen_and_twenty_two_holidays() {
    for year in YEARS {
        let n_days = of_year(year).len();
        assert!((15..=22).contains(&n_days), "{year} has {n_days} holidays");
    }
    assert_eq!((of_year(1999).len(), of_year(2100).len()), (0, 0));
}
