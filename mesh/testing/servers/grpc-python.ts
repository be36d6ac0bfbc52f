import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestServer } from './servers.ts';

const folder = fileURLToPath(new URL('../../../.tools/python', import.meta.url));

/** The Python with gRPC. */
export const grpcPythonPath = `${folder}/bin/python`;

/** gRPC for Python, for `describeWithServer`. */
export const grpcPython: TestServer = { name: 'grpcio for Python', version: installedVersion() };

// `make deps` copies the requirements last, so they show a complete installation.
function installedVersion(): string | undefined {
  const requirements = `${folder}/requirements.txt`;
  if (!existsSync(grpcPythonPath) || !existsSync(requirements)) return undefined;
  return /^grpcio==(\S+)$/m.exec(readFileSync(requirements, 'utf8'))?.[1];
}
