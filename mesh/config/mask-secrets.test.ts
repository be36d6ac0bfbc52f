import { describe, expect, it } from 'vitest';
import { maskSecrets } from './mask-secrets.ts';

describe('maskSecrets', () => {
  it.each([
    ['amqp://u:s3cret@h/x', 'amqp://u:***@h/x'],
    ['amqp//u:s3cret@h', 'amqp//u:***@h'],
    ['amqp:/u:s3cret@h', 'amqp:/u:***@h'],
    ['u:s3cret@127.0.0.1:9092', 'u:***@127.0.0.1:9092'],
    ['amqp:u:s3cret@h', 'amqp:***@h'],
    [':s3cret@h', ':***@h'],
    ['postgres:///me:s3cret@127.0.0.1/db', 'postgres:///me:***@127.0.0.1/db'],
    ['postgres:/me/s3cret@h', 'postgres:/me:***@h'],
    ['kafka://me:s3c/r?e#t@s3cret@h:1', 'kafka://me:***@h:1'],
    ['"amqp://u:s3cret@h"', '"amqp:***@h"'],
    ['TASKS_URL=amqp://u:s3cret@h', 'TASKS_URL=amqp:***@h'],
    ['amqp://u:s3cret', 'amqp://u:***'],
    ['amqp://u:s3cret%40h/x', 'amqp://u:***'],
    ['postgres://h/db?password=s3cret&sslmode=disable', 'postgres://h/db?password=***&sslmode=disable'],
    ['http://h?access_token=s3cret@x&b=1', 'http://h?access_token=***&b=1'],
    ['https://h/x?api_key=a&s3cret', 'https://h/x?api_key=***'],
    ['-----BEGIN PRIVATE KEY-----\ns3cret', '***'],
    ['host=127.0.0.1 password=s3cret user=me', 'host=127.0.0.1 password=*** user=me'],
  ])('masks the secret of %s', (text, masked) => {
    expect(maskSecrets(text)).toBe(masked);
  });

  it.each([
    'loud',
    '',
    'localhost:99999',
    'ftp://x',
    'kafka://a:9092,b:9093',
    'kafka://a:9092,',
    'kafka://[::1]:9092',
    'amqp://me@h/x',
    'postgres://h:5432/mesh_<service>?sslmode=disable',
    'sqlit:data/order.db',
    'static:user=10.0.0.1:50051',
  ])('keeps %s', (text) => {
    expect(maskSecrets(text)).toBe(text);
  });
});
