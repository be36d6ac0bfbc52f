import type { Config } from '../../config/config.ts';
import type { ServerTrust } from '../../config/server-trust.ts';
import type { Authorities } from '../../config/setting.ts';
import { tlsSettings } from '../../config/tls-settings.ts';
import { AuthorityFiles } from './authority-files.ts';
import type { ProcessTls } from './process-tls.ts';
import type { TlsFilesOptions } from './tls-files.ts';
import type { TlsState } from './tls-states.ts';

/** How a process checks the servers that it uses. Each trust shows what is in the files now, until it is closed. */
export interface ServerTrusts extends TlsState {
  /**
   * For a server of the mesh, such as a broker: it is checked by these authorities, else by `TLS_CA`, else by those of
   * Node, and gets the certificate of the process. Throws a ConfigError if a file cannot be used.
   */
  of(authorities: Authorities): ServerTrust;
  /**
   * For a server outside of the mesh: it is checked by these authorities, else by those of Node,
   * and gets no certificate.
   */
  ofOutside(authorities: Authorities): ServerTrust;
  /** Ends the watch of the files. */
  close(): void;
}

/** `tls`: of the process, whose files are watched already. */
export function openServerTrusts(
  { tlsCa }: Pick<Config, 'tlsCa'>,
  tls: Pick<ProcessTls, 'identity'> | undefined,
  options: TlsFilesOptions,
): ServerTrusts {
  const files = new AuthorityFiles(options);
  const identity = tls?.identity;
  const authoritiesIn = ({ variable, file }: Authorities): ServerTrust => {
    if (file === undefined) return {};
    const opened = files.open({ variable, path: file });
    return {
      get ca() {
        return opened.pem;
      },
    };
  };
  const ofMesh = (): ServerTrust => {
    if (tlsCa === '') return {};
    return identity ? authoritiesOf(identity) : authoritiesIn({ variable: tlsSettings.tlsCa.variable, file: tlsCa });
  };
  return {
    of(named) {
      const authorities = named.file !== undefined || named.isOfNode ? authoritiesIn(named) : ofMesh();
      return {
        get ca() {
          return authorities.ca;
        },
        get crl() {
          return authorities.crl;
        },
        get cert() {
          return identity?.current.cert;
        },
        get key() {
          return identity?.current.key;
        },
      };
    },
    ofOutside: authoritiesIn,
    // Old authorities may stay beside new ones.
    expiries: () => [],
    files: () => files.states(),
    close: () => files.close(),
  };
}

function authoritiesOf(identity: ProcessTls['identity']): ServerTrust {
  return {
    get ca() {
      return identity.current.ca;
    },
    get crl() {
      return identity.current.crl;
    },
  };
}
