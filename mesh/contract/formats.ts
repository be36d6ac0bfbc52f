import { isIPv4, isIPv6 } from 'node:net';

const label = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';

/** The e-mail addresses of the HTML standard, which `buf.validate` follows: fewer than RFC 5322 allows. */
const email = new RegExp(`^[a-zA-Z0-9.!#$%&'*+/=?^_\`{|}~-]+@${label}(?:\\.${label})*$`);

const uuid = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/;
const trimmedUuid = /^[0-9a-fA-F]{32}$/;
const ulid = /^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$/;
const hostname = new RegExp(`^(?:${label}\\.)*${label}\\.?$`);
const numericLastLabel = /(?:^|\.)[0-9]+\.?$/;
const port = /^(?:0|[1-9][0-9]{0,4})$/;

/** Whether a text is an e-mail address of the HTML standard. */
export function isEmail(text: string): boolean {
  return email.test(text);
}

/** Whether a text is a UUID with dashes, of any version, in either case. */
export function isUuid(text: string): boolean {
  return uuid.test(text);
}

/** Whether a text is a UUID without dashes. */
export function isTrimmedUuid(text: string): boolean {
  return trimmedUuid.test(text);
}

/** Whether a text is a ULID. */
export function isUlid(text: string): boolean {
  return ulid.test(text);
}

/** Whether a text is a host name of RFC 1034; the last label is not a number, so an IPv4 address is not a host name. */
export function isHostname(text: string): boolean {
  return text.length <= 253 && hostname.test(text) && !numericLastLabel.test(text);
}

/** Whether a text is an IPv4 or IPv6 address. */
export function isIp(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

/** Whether a text is an IPv4 address in dotted decimals. */
export function isIpv4(text: string): boolean {
  return isIPv4(text);
}

/** Whether a text is an IPv6 address, with or without a zone (`fe80::1%eth0`). */
export function isIpv6(text: string): boolean {
  const zoneAt = text.indexOf('%');
  if (zoneAt < 0) return isIPv6(text);
  const zone = text.slice(zoneAt + 1);
  return zone !== '' && !zone.includes('\0') && isIPv6(text.slice(0, zoneAt));
}

/** Whether a text is a host name or an IP address. */
export function isAddress(text: string): boolean {
  return isHostname(text) || isIp(text);
}

/** Whether a text is a host name, an IPv4 address or an IPv6 address in brackets, and a port: `[::1]:8080`. */
export function isHostAndPort(text: string): boolean {
  const colonAt = text.lastIndexOf(':');
  if (colonAt < 0 || !isPort(text.slice(colonAt + 1))) return false;
  const host = text.slice(0, colonAt);
  if (host.startsWith('[') && host.endsWith(']')) return isIpv6(host.slice(1, -1));
  return isHostname(host) || isIpv4(host);
}

function isPort(text: string): boolean {
  return port.test(text) && Number(text) <= 65_535;
}
