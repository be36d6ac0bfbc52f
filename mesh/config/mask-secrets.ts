/** Masks what may be a password in the text of a setting, valid or not: settings end up in errors and logs. */
export function maskSecrets(text: string): string {
  return text
    .replace(pem, '***')
    .replace(secretParameter, '$1***')
    .replace(beforeHost, (all, start: string, rest: string) => (rest === '' ? all : `${start}:***@`))
    .replace(withoutHost, '$1***');
}

// A key that is in the wrong variable.
const pem = /-----BEGIN.*/s;

// `?password=…`, and `password=…` as libpq has it.
const secretParameter =
  /((?:^|[?&;\s])[\w.%-]*(?:pass|pwd|secret|token|key|cred|sign)[\w.%-]*\s*=\s*)(?:(?![?&;\s][\w.%-]+=).)+/gis;

// From the scheme and the user to the last `@`: a password may hold an `@` itself. The scheme may be misspelt or missing.
const beforeHost = /^((?:[a-z][a-z0-9+.-]*:?\/+)?[^:/@?#]*)(.*)@/is;

// A password without `@` and host. Ports are shown.
const withoutHost = /^([a-z][a-z0-9+.-]*:?\/+[^:/@?#[]*:)(?!\/|\*{3}|\d{1,5}(?:[/,?#]|$)).+/is;
