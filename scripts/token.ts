import { messageOf } from '../mesh/errors/error-text.ts';
import { openLocalIssuer } from './tokens/local-issuer.ts';

// `make token`: prints a token of the local issuer, which `make start AUTH=1` and `make start-split AUTH=1` believe. SUBJECT=ada is
// the user, ROLES=operator,admin the roles, HOURS=1 how long it is valid. Default: an operator and administrator.

const { SUBJECT = '', ROLES, HOURS = '1', DATA_DIR } = process.env;

try {
  const hours = Number(HOURS);
  if (!(hours > 0 && hours <= 24 * 365)) throw new Error(`invalid HOURS "${HOURS}": use up to 8760`);
  // A subject without roles is a user like all others.
  const roles = (ROLES ?? (SUBJECT === '' ? 'operator,admin' : '')).split(/[ ,]+/).filter((role) => role !== '');
  const subject = SUBJECT || 'operator';
  console.log(await openLocalIssuer(DATA_DIR || 'data').sign({ subject, roles, lifetimeMs: hours * 3_600_000 }));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 2;
}
