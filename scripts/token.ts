import { readRunningMesh } from '../examples/support/access.ts';
import { messageOf } from '../mesh/errors/error-text.ts';
import { refuseUnknownVariables } from './support/make-variables.ts';
import { localUser, openLocalIssuer } from './tokens/local-issuer.ts';

// `make token`: prints a token of the local issuer, which `make start AUTH=1` and `make start-split AUTH=1`
// believe. SUBJECT=ada is the user (default: who runs it), ROLES=operator,admin the roles (default: none), HOURS=1
// how long it is valid.

const { SUBJECT = localUser(), ROLES = '', HOURS = '1', DATA_DIR } = process.env;
const knownRoles = ['operator', 'admin'];

try {
  refuseUnknownVariables(process.env, ['SUBJECT', 'ROLES', 'HOURS', 'DATA_DIR']);
  if (SUBJECT === '') throw new Error('SUBJECT is empty: set it to a user, or leave it out for your own name');
  const hours = Number(HOURS);
  if (!(hours > 0 && hours <= 24 * 365)) throw new Error(`invalid HOURS "${HOURS}": use more than 0, and at most 8760`);
  const roles = ROLES.split(/[ ,]+/).filter((role) => role !== '');
  for (const role of roles.filter((name) => !knownRoles.includes(name)))
    process.stderr.write(`no rule of ordermesh names the role "${role}": its rules name ${knownRoles.join(' and ')}\n`);
  const dataDir = DATA_DIR || 'data';
  console.log(await openLocalIssuer(dataDir).sign({ subject: SUBJECT, roles, lifetimeMs: hours * 3_600_000 }));
  if (readRunningMesh(dataDir)?.token === undefined)
    process.stderr.write(`no mesh that checks tokens runs on ${dataDir}: "make start AUTH=1" starts one\n`);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 2;
}
