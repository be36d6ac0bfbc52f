import { insertBefore, insertByName } from './insert-lines.ts';
import type { ServiceNames } from './names.ts';
import type { Edit } from './registrations.ts';
import { renamed } from './template.ts';

/** The entries by which a service runs in containers of its own, found by the alias that discovery asks for. */
export const deployments: readonly Edit[] = [
  { path: 'docker-compose.yml', edit: inCompose, optional: true },
  { path: 'deploy/compose/prometheus/prometheus.yml', edit: inPrometheus, optional: true },
  { path: 'deploy/kubernetes/base/kustomization.yaml', edit: inKustomization, optional: true },
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
