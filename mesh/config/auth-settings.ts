import { isFileContent } from './file-content.ts';
import { certificatesSetting, millisecondsSetting, type Setting } from './setting.ts';

const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i;
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Returns what is wrong with the place of a key set; `undefined`: nothing. */
function jwksProblem(text: string): string | undefined {
  if (text === '' || !withScheme.test(text)) return undefined;
  const url = URL.parse(text);
  if (url === null) return 'is not a valid URL';
  if (url.username !== '' || url.password !== '') return 'has credentials: key sets are public';
  if (url.protocol === 'https:') return undefined;
  if (url.protocol !== 'http:') return 'is neither an https URL nor a file';
  return loopbackHost.test(url.hostname) ? undefined : 'may be changed on its way: use https';
}

/** A text without spaces and control characters, or empty. */
function nameSetting(variable: string, rest: { readonly default: string; readonly doc: string }): Setting<string> {
  const parse = (text: string) => (/^[\x21-\x7e]{0,512}$/.test(text) ? text : undefined);
  return { ...rest, variable, allowed: 'a text of visible ASCII characters', parse };
}

/** The settings of tokens: whom to believe. */
export const authSettings = {
  /** An https URL or a file; empty: there are no tokens, and everyone may call. */
  authJwks: {
    variable: 'AUTH_JWKS',
    default: '',
    allowed: 'an https URL, a file, or empty',
    doc:
      'the keys with which [tokens](security.md) are verified: the `jwks_uri` of their issuer, as an https URL (http ' +
      'only on this machine), or a file. Set: calls need a token or a certificate that their contract allows. Empty: ' +
      'anyone may call',
    isContent: (text: string) => !withScheme.test(text) && isFileContent(text),
    parse: (text: string) => (jwksProblem(text) === undefined ? text : undefined),
    problemOf: jwksProblem,
  },
  /** PEM of the authorities of the server with the keys. */
  authJwksCa: certificatesSetting('AUTH_JWKS_CA_FILE', {
    doc:
      'a PEM file with the authorities that may sign the certificate of an `AUTH_JWKS` URL. `node`: those of Node. ' +
      'Default: `node`, and not `TLS_CA`, since an issuer is outside of the mesh',
  }),
  /** `iss`. */
  authIssuer: nameSetting('AUTH_ISSUER', {
    default: '',
    doc: 'the claim `iss` that tokens must have, character by character: `https://login.example/`',
  }),
  /** `aud`. */
  authAudience: nameSetting('AUTH_AUDIENCE', {
    default: '',
    doc: 'a value that the claim `aud` of tokens must have, such as `ordermesh`',
  }),
  /** By how much clocks may differ. */
  authClockSkewMs: millisecondsSetting('AUTH_CLOCK_SKEW_MS', {
    default: '60000',
    max: 600_000,
    doc: 'by how much the clock of the issuer may differ from the one here, up to 600000',
  }),
  /** The claim with the roles of the subject. */
  authRolesClaim: nameSetting('AUTH_ROLES_CLAIM', {
    default: 'roles',
    doc:
      'the claim with the roles of the subject: a list, or a text with spaces between them. A dot leads into an ' +
      'object: `realm_access.roles`',
  }),
} as const;
