import { isIPv6 } from 'node:net';

// The rules of RFC 3986, appendix A, by their names there.
const escaped = '%[0-9a-fA-F]{2}';
const unreserved = 'a-zA-Z0-9._~\\-';
const subDelims = "!$&'()*+,;=";
const pchar = `(?:[${unreserved}${subDelims}:@]|${escaped})`;
const userinfo = `(?:[${unreserved}${subDelims}:]|${escaped})*`;
const registeredName = `(?:[${unreserved}${subDelims}]|${escaped})*`;
const authority = `(?:${userinfo}@)?(?:\\[(?<literal>[^\\]]*)\\]|(?<name>${registeredName}))(?::[0-9]*)?`;
const absolutePath = `/(?:${pchar}+(?:/${pchar}*)*)?`;
const rootlessPath = `${pchar}+(?:/${pchar}*)*`;
const schemelessPath = `(?:[${unreserved}${subDelims}@]|${escaped})+(?:/${pchar}*)*`;
const tail = `(?:\\?(?:${pchar}|[/?])*)?(?:#(?:${pchar}|[/?])*)?`;

const uri = new RegExp(
  `^[a-zA-Z][a-zA-Z0-9+.-]*:(?://${authority}(?:/${pchar}*)*|${absolutePath}|${rootlessPath})?${tail}$`,
);
const relativeReference = new RegExp(`^(?://${authority}(?:/${pchar}*)*|${absolutePath}|${schemelessPath})?${tail}$`);
const zonedAddress = new RegExp(`^(?<address>[^%]*)%25(?:[${unreserved}]|${escaped})+$`);
const futureAddress = new RegExp(`^v[0-9a-fA-F]+\\.[${unreserved}${subDelims}:]+$`);

/** Whether a text is a URI of RFC 3986, with RFC 6874's zones: `https://example.com/a?b#c`. */
export function isUri(text: string): boolean {
  return hasValidHost(uri.exec(text));
}

/** Whether a text is a URI or a relative reference: `./a?b`. */
export function isUriReference(text: string): boolean {
  return isUri(text) || hasValidHost(relativeReference.exec(text));
}

function hasValidHost(match: RegExpExecArray | null): boolean {
  if (match === null) return false;
  const { literal, name } = match.groups ?? {};
  if (literal !== undefined) return isIpLiteral(literal);
  return name === undefined || isUtf8(name);
}

function isIpLiteral(literal: string): boolean {
  const address = zonedAddress.exec(literal)?.groups?.address ?? literal;
  return (!address.includes('%') && isIPv6(address)) || futureAddress.test(literal);
}

/** Whether what is escaped in a host name is UTF-8, as RFC 3986 asks. */
function isUtf8(escapedName: string): boolean {
  try {
    decodeURIComponent(escapedName);
    return true;
  } catch {
    return false;
  }
}
