import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { messageOf } from '../mesh/errors/error-text.ts';
import { runnableServices } from '../services/all.ts';
import {
  type CertsFolder,
  certsFolderOf,
  meshCertificate,
  openCertsFolder,
  programCertificate,
} from './certs/certs-folder.ts';
import { refuseUnknownVariables } from './support/make-variables.ts';

// `make certs`: makes a local CA, and a certificate for each service, for all in one process, and for programs. Run
// again, it replaces the certificates, with the same HOSTS and for as long unless these are set, and keeps the CA;
// processes use new files by themselves. `CA=add`, `CA=use` and `CA=drop` replace the CA, one step after another.

const { CA = '', HOSTS = '', DAYS = '', NAMES = '' } = process.env;
const dayMs = 86_400_000;
const hostName = /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;
const folder = certsFolderOf(process.env);
const ownNames = [...runnableServices.map(({ name }) => name), meshCertificate, programCertificate];

try {
  refuseUnknownVariables(process.env, ['CA', 'HOSTS', 'DAYS', 'NAMES', 'DATA_DIR', 'CERTS_DIR']);
  const notAfter = DAYS === '' ? undefined : new Date(Date.now() + daysOf(DAYS) * dayMs);
  const hosts = HOSTS === '' ? undefined : HOSTS.split(/[ ,]+/).map(checkedHost);
  const certs = openCertsFolder(folder);
  certs.prepare();
  const shown = step(certs);
  if (shown !== undefined) console.log(shown);
  else {
    const names = NAMES === '' ? [...new Set([...ownNames, ...certs.names()])] : NAMES.split(/[ ,]+/);
    certs.sign(names, { hosts, notAfter });
    const ends = names.map((name) => endOf(certs.filesOf(name).cert)).toSorted();
    console.log(`${names.length} certificates in ${folder}, until ${ends[0]}: ${names.join(', ')}`);
  }
  console.log(`CA: ${certs.ca}, until ${endOf(certs.ca)}`);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 2;
}

/** Carries out a step to another CA. Returns what to do next; `undefined` if the certificates are to be signed. */
function step(certs: CertsFolder): string | undefined {
  switch (CA) {
    case '':
      return undefined;
    case 'add':
      certs.addCa();
      return 'another CA is trusted: run "make certs CA=use" when all processes have read it, a few seconds from now';
    case 'use':
      certs.useAddedCa();
      return undefined;
    case 'drop':
      certs.dropOldCas();
      return 'only the CA that signs is trusted from now on';
    default:
      throw new Error(`invalid CA "${CA}", which may come from the environment: use add, use or drop`);
  }
}

function daysOf(text: string): number {
  const days = Number(text);
  if (!(days > 0 && days <= 825)) throw new Error(`invalid DAYS "${text}": use more than 0, and at most 825`);
  return days;
}

function checkedHost(host: string): string {
  if (isIP(host) === 0 && !hostName.test(host))
    throw new Error(`invalid HOSTS "${host}": use host names and IP addresses, with commas between them`);
  return host;
}

/** The day on which the first certificate of a file expires. */
function endOf(path: string): string {
  return new X509Certificate(readFileSync(path)).validToDate.toISOString().slice(0, 10);
}
