import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TestServer } from './servers.ts';

const python = fileURLToPath(new URL('../../../.tools/python-edge', import.meta.url));
const typescript = fileURLToPath(new URL('../../../test/edge/clients/typescript/node_modules', import.meta.url));

/** The folder of the programs for Python that `make deps` installs. */
export const openApiPythonBin = `${python}/bin`;
/** The npm packages that generate and compile a client in TypeScript. */
export const openApiNodeModules = typescript;

/** Generates clients in Python, for `describeWithServer`. */
export const openApiPythonClient: TestServer = pythonTool('openapi-python-client');
/** Generates clients in TypeScript. */
export const openApiTypeScript: TestServer = { name: 'openapi-typescript', version: npmVersion('openapi-typescript') };
/** Calls an API with requests that it makes of its OpenAPI document. */
export const schemathesis: TestServer = pythonTool('schemathesis');

function pythonTool(name: string): TestServer {
  // `make deps` copies the requirements last, so they show a complete installation.
  const requirements = `${python}/requirements-edge.txt`;
  const isInstalled = existsSync(`${python}/bin/${name}`) && existsSync(requirements);
  const versions = isInstalled ? readFileSync(requirements, 'utf8') : '';
  return { name, version: new RegExp(`^${name}==(\\S+)$`, 'm').exec(versions)?.[1] };
}

function npmVersion(name: string): string | undefined {
  const manifest = `${typescript}/${name}/package.json`;
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
}
