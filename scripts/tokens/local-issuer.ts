import { createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { makeFolder } from '../../mesh/storage/make-folder.ts';

/** Whom a token names. */
export interface TokenClaims {
  readonly subject: string;
  readonly roles: readonly string[];
  readonly lifetimeMs: number;
}

/** An issuer of tokens for this machine: its key is a file. Others have their own, such as Keycloak or Dex. */
export interface LocalIssuer {
  /** The settings of a process that believes its tokens. */
  readonly settings: Readonly<Record<'AUTH_JWKS' | 'AUTH_ISSUER' | 'AUTH_AUDIENCE', string>>;
  sign(claims: TokenClaims): Promise<string>;
}

const issuer = 'ordermesh-local';
const audience = 'ordermesh';
const algorithm = 'ES256';

/** Opens the issuer whose key is in `<data folder>/tokens`. Creates the key the first time. */
export function openLocalIssuer(dataDir: string): LocalIssuer {
  const folder = join(dataDir, 'tokens');
  const [keyFile, keySetFile] = [join(folder, 'issuer.key'), join(folder, 'jwks.json')];
  if (!existsSync(keyFile) || !existsSync(keySetFile)) createKey(folder, keyFile, keySetFile);
  const {
    keys: [{ kid }],
  } = JSON.parse(readFileSync(keySetFile, 'utf8'));
  const key = createPrivateKey(readFileSync(keyFile));
  return {
    settings: { AUTH_JWKS: keySetFile, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience },
    sign: (claims) => sign(key, kid, claims),
  };
}

/** The name of the user that runs this program, which is the subject of tokens for programs on this machine. */
export function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user that has no name.
    return `uid-${process.getuid?.()}`;
  }
}

async function sign(key: KeyObject, kid: string, { subject, roles, lifetimeMs }: TokenClaims): Promise<string> {
  const seconds = Math.floor(Date.now() / 1_000);
  return await new SignJWT({ roles: [...roles] })
    .setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + Math.round(lifetimeMs / 1_000))
    .sign(key);
}

function createKey(folder: string, keyFile: string, keySetFile: string): void {
  makeFolder(folder);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: randomUUID(), alg: algorithm, use: 'sig' };
  replaceFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, 0o600);
  replaceFile(keySetFile, `${JSON.stringify({ keys: [jwk] }, undefined, 2)}\n`, 0o644);
}

/** Readers see the whole file or none. */
function replaceFile(path: string, content: string, mode: number): void {
  writeFileSync(`${path}.new`, content, { mode });
  renameSync(`${path}.new`, path);
}
