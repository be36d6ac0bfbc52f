import { describe, expect, it } from 'vitest';
import { createChannel } from '../index.ts';

describe('a channel', () => {
  it.each([
    ...['localhost:99999', 'localhost:0', 'localhost:http', '::1', '', ':1', 'http://localhost:1/path'],
    ...['xds:///greeter', 'unix:'],
  ])('refuses the address "%s"', (address) => {
    expect(() => createChannel(address)).toThrow(/^cannot connect to ".*": pass host:port, such as localhost:50051/);
  });

  it.each([
    ['localhost', 'dns:localhost:80'],
    ['https://localhost', 'dns:localhost:443'],
    ['http://127.0.0.1:8080', 'dns:127.0.0.1:8080'],
    ['[::1]:65535', 'dns:[::1]:65535'],
    ['[fe80::1%eth0]:50051', 'dns:[fe80::1%eth0]:50051'],
    ['dns:localhost:1', 'dns:localhost:1'],
    ['dns:///localhost:1', 'dns:///localhost:1'],
    ['unix:/tmp/x', 'unix:/tmp/x'],
    ['unix:///tmp/x', 'unix:///tmp/x'],
  ])('accepts the address %s', (address, target) => {
    expect(createChannel(address).getTarget()).toBe(target);
  });
});
