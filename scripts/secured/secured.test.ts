import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readAccess, runningMeshFile } from '../../examples/support/access.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { localUser } from '../tokens/local-issuer.ts';
import { openSecured } from './secured.ts';

const address = '127.0.0.1:50051';

describe('TLS=1 and AUTH=1', () => {
  it('change nothing unless they are set', async () => {
    await using folder = await tempFolder();
    const secured = await openSecured({ TLS: '0' }, folder.path, ['order']);
    expect(secured.settingsOf('order')).toEqual({});
    secured.announce([address]);
    expect(existsSync(runningMeshFile(folder.path))).toBe(false);
    expect(existsSync(join(folder.path, 'certs'))).toBe(false);
  });

  it('give each service its certificate, and only the door callers without one', async () => {
    await using folder = await tempFolder();
    const { settingsOf } = await openSecured({ TLS: '1' }, folder.path, ['order', 'gateway']);
    const certs = join(folder.path, 'certs');
    const order = {
      TLS_CERT: join(certs, 'order.pem'),
      TLS_KEY: join(certs, 'order.key'),
      TLS_CA: join(certs, 'ca.pem'),
    };
    expect(settingsOf('order')).toEqual({ ...order, TLS_CLIENTS: 'required' });
    expect(settingsOf('gateway')).toMatchObject({ TLS_CERT: join(certs, 'gateway.pem'), TLS_CLIENTS: 'optional' });
    for (const file of Object.values(order)) expect(existsSync(file)).toBe(true);
  });

  it('keep the certificates and the key that there are', async () => {
    await using folder = await tempFolder();
    const files = ['certs/ca.pem', 'certs/order.pem', 'tokens/issuer.key', 'tokens/jwks.json'];
    const read = () => files.map((file) => readFileSync(join(folder.path, file), 'utf8'));
    await openSecured({ TLS: '1', AUTH: '1' }, folder.path, ['order']);
    const before = read();
    await openSecured({ TLS: '1', AUTH: '1' }, folder.path, ['order', 'user']);
    expect(read()).toEqual(before);
  });

  it('leave for programs of the same user how the mesh is reached, while it runs', async () => {
    await using folder = await tempFolder();
    const environment = { DATA_DIR: folder.path };
    const secured = await openSecured({ TLS: '1', AUTH: '1' }, folder.path, ['order']);
    {
      using _ = secured.announce([address]);
      expect(statSync(runningMeshFile(folder.path)).mode & 0o777).toBe(0o600);
      const { tls, token } = readAccess(environment, address);
      expect(tls?.ca).toBe(readFileSync(join(folder.path, 'certs/ca.pem'), 'utf8'));
      expect(tls?.key).toContain('PRIVATE KEY');
      const [, claims = ''] = token?.split('.') ?? [];
      const { sub, roles, exp, iat } = JSON.parse(Buffer.from(claims, 'base64url').toString());
      expect({ sub, roles }).toEqual({ sub: localUser(), roles: ['operator', 'admin'] });
      expect(exp - iat).toBe(12 * 3_600);
    }
    expect(readAccess(environment, address)).toEqual({ tls: undefined, token: undefined });
  });

  it('are 1 or 0', async () => {
    await expect(openSecured({ AUTH: 'yes' }, 'unused', [])).rejects.toThrow('AUTH is "yes", but must be 1 or 0');
  });
});
