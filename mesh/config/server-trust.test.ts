import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempFolder } from '../testing/temp-folder.ts';
import { ConfigError, readConfig } from './config.ts';
import { serverTrust } from './server-trust.ts';

it('a server is checked by its own setting, else by TLS_CA, else by the authorities of Node', async () => {
  await using folder = await tempFolder();
  const [own, mesh] = ['-----BEGIN CERTIFICATE----- own', '-----BEGIN CERTIFICATE----- mesh'];
  const [EVENTS_CA_FILE, TLS_CA] = [join(folder.path, 'own.pem'), join(folder.path, 'mesh.pem')];
  await Promise.all([writeFile(EVENTS_CA_FILE, own), writeFile(TLS_CA, mesh)]);
  const caOf = (environment: Record<string, string>) => {
    const config = readConfig(environment);
    return serverTrust(config.eventsCa, config).ca;
  };
  expect(caOf({ EVENTS_CA_FILE, TLS_CA })).toBe(own);
  expect(caOf({ TLS_CA })).toBe(mesh);
  expect(caOf({ TLS_CA, EVENTS_CA_FILE: 'node' })).toBeUndefined();
  expect(caOf({})).toBeUndefined();
});

it('a server that asks for a certificate gets that of the process', async () => {
  await using folder = await tempFolder();
  const [TLS_CERT, TLS_KEY] = [join(folder.path, 'cert.pem'), join(folder.path, 'key.pem')];
  await Promise.all([writeFile(TLS_CERT, 'cert'), writeFile(TLS_KEY, 'key')]);
  const config = readConfig({ TLS_CERT, TLS_KEY });
  expect(serverTrust(config.tasksCa, config)).toEqual({ ca: undefined, cert: 'cert', key: 'key' });
});

it('a file that cannot be read is named', () => {
  const config = readConfig({ TLS_CA: '/missing/ca.pem' });
  const trust = () => serverTrust(config.databaseCa, config);
  expect(trust).toThrow(ConfigError);
  expect(trust).toThrow('TLS_CA is "/missing/ca.pem", which cannot be read (ENOENT)');
});
