import type { Edit } from './edit.ts';
import { insertBefore, insertByName } from './insert-lines.ts';
import type { ServiceNames } from './names.ts';
import { renamed } from './template.ts';

/** The entries by which a service runs in containers of its own, found by the alias that discovery asks for. */
export const deployments: readonly Edit[] = [
  { path: 'docker-compose.yml', edit: inCompose, optional: true },
  { path: 'deploy/compose/prometheus/prometheus.yml', edit: inPrometheus, optional: true },
  { path: 'deploy/kubernetes/base/kustomization.yaml', edit: inKustomization, optional: true },
  { path: 'deploy/kubernetes/databases.sql', edit: inDatabases, optional: true },
  { path: 'docs/kubernetes.md', edit: inSecrets, optional: true },
];

function inCompose(text: string, names: ServiceNames): string {
  const block = [
    '  library:',
    '    <<: *mesh',
    '    command: [library]',
    '    networks: { default: { aliases: [library-service] } }',
    '\n',
  ];
  // The comment of the bridge.
  const next = '  # Its contracts are those of events.v1.';
  return insertBefore(text, 'docker-compose.yml', next, renamed(block.join('\n'), names));
}

function inPrometheus(text: string, names: ServiceNames): string {
  const next = '          - events-service';
  return insertBefore(
    text,
    'deploy/compose/prometheus/prometheus.yml',
    next,
    renamed(`          - library-service`, names),
  );
}

/** Its objects are in a file of their own, which the template has. */
function inKustomization(text: string, names: ServiceNames): string {
  return insertByName(text, names.service, renamed('  - services/library.yaml', names), {
    path: 'deploy/kubernetes/base/kustomization.yaml',
    entry: /^ {2}- services\/(\w+)\.yaml$/,
    end: /^\S/,
  });
}

/** A user, and a database that only it may open. */
function inDatabases(text: string, { service }: ServiceNames): string {
  const own = `mesh_${service}`;
  const lines = [
    [`CREATE ROLE ${own} LOGIN;`, /^CREATE ROLE mesh_(\w+) LOGIN;$/],
    [`CREATE DATABASE ${own} OWNER ${own};`, /^CREATE DATABASE mesh_(\w+) OWNER mesh_\1;$/],
    [`REVOKE CONNECT, TEMPORARY ON DATABASE ${own} FROM PUBLIC;`, /^REVOKE .* ON DATABASE mesh_(\w+) FROM PUBLIC;$/],
  ] as const;
  const path = 'deploy/kubernetes/databases.sql';
  // What services have together is below.
  const [each = '', ...shared] = text.split(/(?=^-- The dead letters)/m);
  const withLines = lines.reduce(
    (sql, [line, entry]) => insertByName(sql, service, line, { path, entry, end: /^$/ }),
    each,
  );
  return [withLines, ...shared].join('');
}

/** The commands that create the Secrets of each service. */
function inSecrets(text: string, { service }: ServiceNames): string {
  const lists = /^( *for s in user [\w ]*?)((?: bridge\b[\w ]*)?; do)$/gm;
  const edited = text.replaceAll(lists, `$1 ${service}$2`);
  if (edited === text) throw new Error('docs/kubernetes.md has no loop over the services that creates Secrets');
  return edited;
}
