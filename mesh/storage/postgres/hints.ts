import { messageOf } from '../../errors/error-text.ts';
import { continuesByItself } from '../errors.ts';
import type { StorageFault } from '../faults.ts';

/** What an error of PostgreSQL, of a pooler or of the driver means to whoever operates the database. */
export interface Hint {
  readonly fault: StorageFault;
  /** What to do. */
  readonly remedy: string;
}

interface Rule extends Hint {
  /** The SQLSTATE, or the code of an error of the system. Default: any. */
  readonly code?: RegExp;
  /** A part of the text. Default: any. */
  readonly text?: RegExp;
}

/** All connections of this process to a database were in use for too long. */
export class PoolExhausted extends Error {
  constructor(size: number, waitedMs: number) {
    super(`all ${size} connections of this process were in use for ${waitedMs / 1000} s`);
  }
}

// The first that fits. PostgreSQL reports different faults with one state, and the driver and PgBouncer have texts only.
const rules: readonly Rule[] = [
  {
    text: /^all \d+ connections of this process were in use/,
    fault: 'unavailable',
    remedy: 'raise DATABASE_POOL_SIZE, or find what holds them in pg_stat_activity',
  },
  {
    text: /client password must be a (non-empty )?string/,
    fault: 'denied',
    remedy:
      'the server asks for a password: add it to DATABASE_URL, as in postgres://<user>:<password>@<host>/<database>',
  },
  {
    code: /^28P01$/,
    fault: 'denied',
    remedy: 'the user or its password is wrong: fix them in DATABASE_URL',
  },
  {
    code: /^(28000|08P01)$/,
    text: /role ".*" does not exist|"trust" authentication failed|no such user/,
    fault: 'denied',
    remedy: 'fix the user in DATABASE_URL, or create it with CREATE ROLE … LOGIN',
  },
  {
    code: /^28000$/,
    text: /no pg_hba\.conf entry .*(no encryption|SSL off)/,
    fault: 'denied',
    remedy:
      'if the server accepts this user over TLS only, add ?sslmode=verify-full to DATABASE_URL; otherwise allow it in pg_hba.conf',
  },
  {
    code: /^28000$/,
    text: /pg_hba\.conf/,
    fault: 'denied',
    remedy: 'allow this user, database and address in pg_hba.conf and reload the server',
  },
  { code: /^28/, fault: 'denied', remedy: 'fix the user and password in DATABASE_URL' },
  {
    code: /^42501$/,
    text: /permission denied to create database/,
    fault: 'denied',
    remedy: 'the database does not exist: create it, or give this user the right CREATEDB',
  },
  {
    code: /^(3D000|08P01)$/,
    text: /database ".*" does not exist|no such database/,
    fault: 'wrong-schema',
    remedy: 'fix the name in DATABASE_URL, or create the database',
  },
  {
    text: /server does not support SSL/,
    fault: 'unavailable',
    remedy: 'the server has no TLS: remove sslmode from DATABASE_URL, or turn on ssl in the server',
  },
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    fault: 'unavailable',
    remedy: "the server's certificate is for another host: use a host in DATABASE_URL that is in it",
  },
  {
    code: /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    fault: 'unavailable',
    remedy: "the server's certificate is not valid now: renew it, or check the clocks",
  },
  {
    code: /CERT|SIGNATURE|^ERR_TLS/,
    fault: 'unavailable',
    remedy:
      "the server's certificate is not trusted: name its authority with DATABASE_CA_FILE, or with sslrootcert=<file> in DATABASE_URL",
  },
  {
    code: /^53300$|^08P01$/,
    text: /too many|connection slots are reserved|no more connections allowed/,
    fault: 'unavailable',
    remedy:
      'the server accepts no more connections: lower DATABASE_POOL_SIZE, raise its limit, or put PgBouncer in front of it',
  },
  { code: /^57P03$/, fault: 'unavailable', remedy: `wait until the server accepts connections${continuesByItself}` },
  {
    text: /transaction blocks not allowed/,
    fault: 'wrong-schema',
    remedy: 'set pool_mode = transaction in PgBouncer',
  },
  {
    code: /^(ENOTFOUND|EAI_AGAIN)$/,
    fault: 'unavailable',
    remedy: 'the name of the host is not known: fix it in DATABASE_URL, or check the DNS',
  },
  {
    code: /^ECONNREFUSED$/,
    fault: 'unavailable',
    remedy: 'nothing accepts connections there: start PostgreSQL, or fix host and port in DATABASE_URL',
  },
  {
    code: /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/,
    fault: 'unavailable',
    remedy: 'the host does not answer: check host and port in DATABASE_URL, the network and the firewall',
  },
  {
    text: /timeout/,
    code: /^$/,
    fault: 'unavailable',
    remedy: 'the server does not answer: check host and port in DATABASE_URL, the network and the firewall',
  },
];

/** Returns what an error means, if it is about the way to the database and not about a statement. */
export function hintOf(error: unknown): Hint | undefined {
  // A refused connection to a name with several addresses.
  if (error instanceof AggregateError) return error.errors.map(hintOf).find((hint) => hint !== undefined);
  const { code = '' } = error as { readonly code?: string };
  const text = messageOf(error);
  return rules.find((rule) => (rule.code?.test(code) ?? true) && (rule.text?.test(text) ?? true));
}
