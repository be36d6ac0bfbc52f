import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf } from '../mesh/errors/error-text.ts';
import { runnableServices } from '../services/all.ts';
import {
  type CertsFolder,
  certificatesIn,
  certsFolderOf,
  openCertsFolder,
  programCertificate,
} from './certs/certs-folder.ts';

// `make certs`: makes a local CA, and a certificate for each service and for programs. Run again, it replaces the certificates and
// keeps the CA; processes use new files by themselves. `CA=add`, `CA=use` and `CA=drop` replace the CA, one step after another.

const { CA = '', HOSTS = '', DAYS = '90', NAMES = '' } = process.env;
const folder = certsFolderOf(process.env);
const names = NAMES === '' ? [...runnableServices.map(({ name }) => name), programCertificate] : NAMES.split(/[ ,]+/);

try {
  const days = Number(DAYS);
  if (!(days > 0 && days <= 825)) throw new Error(`invalid DAYS "${DAYS}": use 1 to 825`);
  const certs = openCertsFolder(folder);
  certs.prepare();
  const shown = step(certs);
  if (shown !== undefined) console.log(shown);
  else {
    const notAfter = new Date(Date.now() + days * 86_400_000);
    certs.sign(names, { hosts: HOSTS === '' ? [] : HOSTS.split(/[ ,]+/), notAfter });
    console.log(
      `${names.length} certificates in ${folder}, until ${notAfter.toISOString().slice(0, 10)}: ${names.join(', ')}`,
    );
  }
  const [ca = ''] = certificatesIn(readFileSync(certs.ca, 'utf8'));
  console.log(`CA: ${certs.ca}, until ${new X509Certificate(ca).validToDate.toISOString().slice(0, 10)}`);
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
      throw new Error(`invalid CA "${CA}": use add, use or drop`);
  }
}
