import { dirname } from 'node:path';
import type { Import } from './imports.ts';

/** Says what is wrong with an import, or nothing. `pure` has the names of what `#mesh` exports of `mesh/values`. */
type Rule = (found: Import, pure: ReadonlySet<string>) => string | undefined;

/** Where the client of a broker, a database, a registry or a wire may be used: in its adapter and nowhere else. */
const homes: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-sqs': ['mesh/tasks/sqs/'],
  '@bufbuild/protobuf': ['mesh/contract/', 'mesh/edge/', 'mesh/server/reflection/', 'mesh/engines/message-encoder.ts'],
  '@bufbuild/protoplugin': ['mesh/edge/openapi/generator/'],
  '@bufbuild/protovalidate': ['mesh/contract/', 'mesh/edge/openapi/generator/'],
  '@grpc/grpc-js': ['mesh/engines/grpc-js/'],
  '@connectrpc/connect': ['mesh/edge/connect/'],
  '@connectrpc/connect-node': ['mesh/edge/connect/'],
  fastify: ['mesh/edge/'],
  amqplib: ['mesh/tasks/rabbitmq/'],
  axios: ['mesh/rest-client/'],
  jose: ['mesh/security/tokens/'],
  'axios-retry': ['mesh/rest-client/'],
  kafkajs: ['mesh/events/kafka/'],
  'node:http2': ['mesh/engines/', 'mesh/edge/'],
  'node:sqlite': ['mesh/storage/sqlite/'],
  nodemailer: ['services/notification/mail/'],
  opossum: ['mesh/client/policies/breaker.ts'],
  pg: ['mesh/storage/postgres/'],
  pino: ['mesh/telemetry/'],
  'prom-client': ['mesh/metrics/'],
  snappy: ['mesh/events/kafka/'],
};

/** Packages that a production install lacks, with the module that imports each when it is used, and says if it is missing. */
export const optionalPackages: ReadonlyMap<string, string> = new Map([
  ['@aws-sdk/client-sqs', 'mesh/tasks/sqs/connection/load-client.ts'],
]);

/** Types of handlers and clients, and the status codes: the vocabulary of the whole tree. */
const everywhere: ReadonlySet<string> = new Set(['nice-grpc', 'nice-grpc-common']);

/** The one module through which services and examples reach the runtime. */
const entry = 'mesh/index.ts';

/** What a file of a service is when its name is one word; any other single word names a thing of its domain. */
const roles: ReadonlySet<string> = new Set(['main', 'service', 'rpc', 'proto', 'store', 'events', 'errors']);

/** What `packages/grpc` may use: the native engine and what is plain gRPC, without the mesh. */
const ofGrpcPackage = [
  'packages/grpc/',
  'mesh/engines/native/connect.ts',
  'mesh/engines/native/grpc/errors.ts',
  'mesh/engines/native/grpc/server/server-host.ts',
  'mesh/engines/connect-fault.ts',
  'mesh/engines/engine.ts',
  'mesh/engines/listen-address.ts',
  'mesh/engines/tls/',
  'mesh/engines/transport-error.ts',
  'mesh/errors/check-node.ts',
  'mesh/errors/mesh-error.ts',
  'mesh/errors/wire-status.ts',
  'mesh/server/health/health-handlers.ts',
  'mesh/server/health/status-board.ts',
  'mesh/server/reflection/definitions.ts',
  'mesh/server/reflection/descriptor-index.ts',
  'mesh/server/reflection/reflection-handlers.ts',
  'gen/ts/grpc/',
];

const rules: readonly Rule[] = [
  ({ file, target, isPackage }) => {
    if (!file.startsWith('packages/grpc/')) return undefined;
    const isAllowed = isPackage
      ? target === 'nice-grpc-common' || target.startsWith('node:')
      : ofGrpcPackage.some((place) => target.startsWith(place));
    return isAllowed ? undefined : 'packages/grpc imports the native engine, what is plain gRPC, and nice-grpc-common';
  },
  ({ file, target, isPackage }) => {
    if (!file.startsWith('mesh/') || isPackage) return undefined;
    if (/^(mesh\/|gen\/ts\/google\/rpc\/|gen\/ts\/grpc\/)/.test(target)) return undefined;
    return 'mesh knows no service: of gen it uses health, reflection and error details';
  },
  ({ file, target, isPackage }) => {
    const service = serviceOf(file);
    if (service === undefined || isPackage) return undefined;
    if (target.startsWith(`services/${service}/`) || target.startsWith('gen/') || target === entry) return undefined;
    return 'a service imports itself, #mesh and #gen: services meet in proto/';
  },
  ({ file, target, isPackage }) => {
    if (
      !file.startsWith('gen/') ||
      isPackage ||
      /^(gen\/|mesh\/contract\/|mesh\/server\/call-context.ts$)/.test(target)
    )
      return undefined;
    return 'generated code imports generated code, mesh/contract and the context of calls';
  },
  ({ file, target, values }, pure) => {
    if (!isDomain(file) || target === `services/${serviceOf(file)}/errors.ts`) return undefined;
    if (isDomain(target) && dirname(target) === dirname(file)) return undefined;
    if (target === entry && values.every((name) => pure.has(name))) return undefined;
    return 'a domain file imports its errors, domain files of its service, and types and mesh/values from #mesh';
  },
  ({ file, target }) => {
    if (!file.startsWith('mesh/values/') || target.startsWith('mesh/values/')) return undefined;
    return 'mesh/values is pure: it imports nothing else';
  },
  ({ file, target, isPackage }) => {
    if (!isPackage || !/^(mesh|services)\//.test(file) || everywhere.has(target)) return undefined;
    const places = homes[target];
    if (places === undefined)
      return target.startsWith('node:') ? undefined : `no adapter is named as the home of ${target}`;
    return places.some((place) => file.startsWith(place)) ? undefined : `${target} belongs into ${places.join(', ')}`;
  },
  ({ file, target }) => {
    if (!file.startsWith('mesh/') || !target.startsWith('mesh/contract/plugin/')) return undefined;
    return isGenerator(file) ? undefined : 'what runs in production uses no generator';
  },
  ({ target, isPackage }) =>
    !isPackage && isTestCode(target) ? 'what runs in production uses no test code' : undefined,
];

/** Folders of the runtime that depend on each other, at any depth, each as the way round: `mesh/a → mesh/b → mesh/a`. */
export function folderCycles(imports: readonly Import[]): string[] {
  const byFolder = new Map<string, Set<string>>();
  for (const { file, target, isPackage } of productionImports(imports)) {
    const siblings = isPackage || !file.startsWith('mesh/') ? undefined : siblingFolders(file, target);
    if (siblings === undefined) continue;
    const [from, to] = siblings;
    byFolder.set(from, (byFolder.get(from) ?? new Set()).add(to));
  }
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (folder: string, way: readonly string[]): void => {
    const start = way.indexOf(folder);
    if (start >= 0) {
      found.add([...way.slice(start), folder].join(' → '));
      return;
    }
    if (done.has(folder)) return;
    for (const next of byFolder.get(folder) ?? []) visit(next, [...way, folder]);
    done.add(folder);
  };
  for (const folder of byFolder.keys()) visit(folder, []);
  return [...found];
}

/** The two folders below the closest common one; `undefined` if one of the files is directly in that. */
function siblingFolders(file: string, target: string): readonly [string, string] | undefined {
  const [from, to] = [file.split('/'), target.split('/')];
  const depth = from.findIndex((part, index) => part !== to[index]);
  if (depth + 1 >= from.length || depth + 1 >= to.length) return undefined;
  return [from.slice(0, depth + 1).join('/'), to.slice(0, depth + 1).join('/')];
}

/** One line for each import of production code that breaks a rule, starting with `file:line`. */
export function brokenRules(imports: readonly Import[]): string[] {
  const pure = new Set(
    imports
      .filter(({ file, target }) => file === entry && target.startsWith('mesh/values/'))
      .flatMap(({ values }) => values),
  );
  return productionImports(imports).flatMap((found) =>
    rules.flatMap((rule) => {
      const fault = rule(found, pure);
      return fault === undefined ? [] : `${found.file}:${found.line} imports ${found.target}: ${fault}`;
    }),
  );
}

/** Every import of production code that leads back to its own file, as the way round. */
export function cycles(imports: readonly Import[]): string[] {
  const edges = Map.groupBy(
    productionImports(imports).filter((found) => !found.isPackage),
    (found) => found.file,
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]) => {
    if (done.has(file)) return;
    for (const { target, line } of edges.get(file) ?? []) {
      const start = [...way, file].indexOf(target);
      if (start >= 0)
        found.push(`${file}:${line} closes the cycle ${[...way, file].slice(start).join(' → ')} → ${target}`);
      else visit(target, [...way, file]);
    }
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return found;
}

/**
 * The files of services on which a decision about money depends: what a saga or a file that begins one imports, directly or
 * not, `service.ts`, which connects all parts, by itself, and the payment service.
 */
export function decisiveFiles(imports: readonly Import[]): ReadonlySet<string> {
  const own = productionImports(imports).filter(({ file, target }) => serviceOf(file) && serviceOf(target));
  const ofSagas = own.filter(({ target }) => target.endsWith('.saga.ts'));
  const found = new Set(ofSagas.flatMap(({ file, target }) => [file, target]));
  for (const file of found) {
    if (file.endsWith('/service.ts')) continue;
    for (const { target } of own.filter((each) => each.file === file)) found.add(target);
  }
  return found.union(new Set(own.map(({ file }) => file).filter((file) => serviceOf(file) === 'payment')));
}

function productionImports(imports: readonly Import[]): Import[] {
  return imports.filter((found) => !isTestCode(found.file));
}

function serviceOf(file: string): string | undefined {
  return /^services\/([^/]+)\//.exec(file)?.[1];
}

/** In a small service every file named by one word that is no role; in a larger one the folder `domain/`. */
function isDomain(file: string): boolean {
  if (/^services\/[^/]+\/domain\//.test(file)) return true;
  const name = /^services\/[^/]+\/([a-z]+)\.ts$/.exec(file)?.[1];
  return name !== undefined && !roles.has(name);
}

/** What generates code and documents, and never runs in a process of the mesh. */
function isGenerator(file: string): boolean {
  return /^mesh\/(contract\/(plugin\/|protoc-gen-mesh\.ts$)|edge\/openapi\/(generator|rest-types)\/)/.test(file);
}

function isTestCode(file: string): boolean {
  return /\.(test|suite)\.ts$|^test\/|\/(testing|testdata|suite)\//.test(file);
}
