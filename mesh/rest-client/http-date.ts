const time = String.raw`(\d{2}:\d{2}:\d{2})`;

/** The forms of a date that a recipient accepts, by RFC 9110, section 5.6.7: the preferred one first, then the obsolete ones. */
const forms: readonly (readonly [RegExp, (...parts: readonly string[]) => string])[] = [
  // Sun, 06 Nov 1994 08:49:37 GMT
  [
    new RegExp(`^[A-Z][a-z]{2}, (\\d{2}) ([A-Z][a-z]{2}) (\\d{4}) ${time} GMT$`),
    (day, month, year, at) => `${day} ${month} ${year} ${at} GMT`,
  ],
  // Sunday, 06-Nov-94 08:49:37 GMT
  [
    new RegExp(`^[A-Z][a-z]{5,8}, (\\d{2})-([A-Z][a-z]{2})-(\\d{2}) ${time} GMT$`),
    (day, month, year = '', at) => `${day} ${month} ${fullYear(Number(year))} ${at} GMT`,
  ],
  // Sun Nov  6 08:49:37 1994
  [
    new RegExp(`^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \\d]\\d) ${time} (\\d{4})$`),
    (month, day, at, year) => `${day?.trim()} ${month} ${year} ${at} GMT`,
  ],
];

/** Returns the time of a date in a header, in milliseconds since the epoch; `undefined` if it is not valid. */
export function parseHttpDate(text: string | undefined): number | undefined {
  for (const [form, normalize] of forms) {
    const [, ...parts] = form.exec(text ?? '') ?? [];
    const ms = Date.parse(parts.length > 0 ? normalize(...parts) : '');
    if (!Number.isNaN(ms)) return ms;
  }
  return undefined;
}

/** A year of two digits is never more than 50 years ahead. */
function fullYear(year: number): number {
  const now = new Date().getUTCFullYear();
  const inThisCentury = now - (now % 100) + year;
  return inThisCentury > now + 50 ? inThisCentury - 100 : inThisCentury;
}
