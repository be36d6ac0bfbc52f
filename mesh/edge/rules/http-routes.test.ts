import { readFile } from 'node:fs/promises';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { contractDescriptors } from '../../contract/declared-services.ts';
import { readHttpRoutes } from './http-routes.ts';
import { createRouteTable } from './route-table.ts';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(contractDescriptors)));

describe('the routes of our contracts', () => {
  it('are read with their bodies', () => {
    const routes = readHttpRoutes(registry).map(({ method, verb, template, body }) =>
      [method.name, verb, template.source, typeof body === 'object' ? body.name : body].join(' '),
    );
    expect(routes.length).toBeGreaterThan(50);
    expect(routes).toContain('CreateUser POST /api/users user');
    expect(routes).toContain('UpdateUser PATCH /api/users/{user.id} user');
    expect(routes).toContain('CancelOrder POST /api/orders/{id}:cancel *');
    expect(routes).toContain('GetUser GET /api/users/{id} ');
  });

  it('do not match the same requests', () => {
    expect(() => createRouteTable(readHttpRoutes(registry))).not.toThrow();
  });
});
