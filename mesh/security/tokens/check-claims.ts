import { isRole, maxRoles } from '../../identity/caller-text.ts';
import type { VerifiedSubject } from '../token-verifier.ts';
import type { Members } from './read-json.ts';
import { TokenRefusal } from './token-refusal.ts';

/** What the claims of a token must say. */
export interface ExpectedClaims {
  /** `iss`, character by character. */
  readonly issuer: string;
  /** `aud`, or one of it. */
  readonly audience: string;
  /** By how much the clocks of the issuer and of this machine may differ. */
  readonly clockSkewMs: number;
  /** The claim with the roles. If no claim has the name, a dot leads into an object: `realm_access.roles`. */
  readonly rolesClaim: string;
}

/** Whom a token names, and until when. */
export interface ExpiringSubject extends VerifiedSubject {
  readonly expiresMs: number;
}

const subjectForm = /^[\x21-\x7e]{1,128}$/;

/** Returns whom the claims name. `nowMs` is the time since the epoch. Throws a TokenRefusal. */
export function checkClaims(claims: Members, expected: ExpectedClaims, nowMs: number): ExpiringSubject {
  if (claims.iss !== expected.issuer) throw new TokenRefusal('issuer', shown(claims, 'iss'));
  if (!audiencesOf(claims).includes(expected.audience)) {
    throw new TokenRefusal('audience', shown(claims, 'aud'));
  }
  const expiresMs = checkTimes(claims, expected.clockSkewMs, nowMs);
  const { sub } = claims;
  if (sub === undefined) throw new TokenRefusal('claims', 'has no sub');
  if (typeof sub !== 'string' || !subjectForm.test(sub)) {
    throw new TokenRefusal('claims', 'has a sub that is not 1 to 128 visible ASCII characters');
  }
  return { subject: sub, roles: rolesOf(claims, expected.rolesClaim), expiresMs };
}

function audiencesOf({ aud }: Members): readonly unknown[] {
  return Array.isArray(aud) ? aud : [aud];
}

/** Returns when the token is no longer believed. */
function checkTimes(claims: Members, skewMs: number, nowMs: number): number {
  const [expMs, nbfMs, iatMs] = [timeOf(claims, 'exp'), timeOf(claims, 'nbf'), timeOf(claims, 'iat')];
  if (expMs === undefined) throw new TokenRefusal('claims', 'has no exp');
  const futureMs = nowMs + skewMs;
  if (iatMs !== undefined && iatMs > futureMs) {
    throw new TokenRefusal('not_yet_valid', `is issued ${seconds(iatMs - nowMs)} in the future: check the clocks`);
  }
  if (nbfMs !== undefined && nbfMs > futureMs) {
    throw new TokenRefusal('not_yet_valid', `is not valid for another ${seconds(nbfMs - nowMs)}: check the clocks`);
  }
  if (expMs + skewMs <= nowMs) throw new TokenRefusal('expired', `expired ${seconds(nowMs - expMs)} ago`);
  return expMs + skewMs;
}

function timeOf(claims: Members, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER / 1_000) return value * 1_000;
  throw new TokenRefusal('claims', `has an ${name} that is not a number of seconds since 1970`);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000).toLocaleString('en-US')} s`;
}

/** A list of texts, or one text with spaces between them, as in the claim `scope`. */
function rolesOf(claims: Members, name: string): readonly string[] {
  const claim = claimOf(claims, name);
  if (claim === undefined) return [];
  const roles: readonly unknown[] = typeof claim === 'string' ? claim.split(' ').filter(Boolean) : asList(claim, name);
  if (roles.length > maxRoles) throw new TokenRefusal('claims', `has more than ${maxRoles} roles in ${name}`);
  if (roles.every((role): role is string => typeof role === 'string' && isRole(role))) return Object.freeze([...roles]);
  throw new TokenRefusal('claims', `has a role in ${name} that is not 1 to 64 visible ASCII characters`);
}

function asList(claim: unknown, name: string): readonly unknown[] {
  if (Array.isArray(claim)) return claim;
  throw new TokenRefusal('claims', `has a claim ${name} that is neither a list nor a text`);
}

function claimOf(claims: Members, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Members)[part];
  }
  return value;
}

/** A claim for the log. */
function shown(claims: Members, name: 'iss' | 'aud'): string {
  const claim = claims[name];
  return claim === undefined ? `has no ${name}` : `has the ${name} ${JSON.stringify(claim).slice(0, 200)}`;
}
