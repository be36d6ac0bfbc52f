import { describe, expect, it } from 'vitest';
import { isPlainSqs, parseSqsUrl } from './sqs-url.ts';

describe('parseSqsUrl', () => {
  it('reads the region alone', () => {
    expect(parseSqsUrl('sqs://eu-central-1')).toEqual({
      region: 'eu-central-1',
      prefix: '',
      endpoint: undefined,
      account: undefined,
      createsQueues: true,
    });
  });

  it('reads prefix, endpoint, account and whether queues are created', () => {
    const url = 'sqs://us-gov-west-1/prod-?endpoint=http://localhost:9324&account=123456789012&queues=existing';
    expect(parseSqsUrl(url)).toEqual({
      region: 'us-gov-west-1',
      prefix: 'prod-',
      endpoint: 'http://localhost:9324',
      account: '123456789012',
      createsQueues: false,
    });
  });

  it.each([
    'sqs:',
    'sqs://',
    'sqs://key:secret@eu-central-1',
    'sqs://eu-central-1:443',
    'sqs://eu-central-1/a/b',
    'sqs://eu-central-1/a.b',
    'sqs://eu-central-1?endpoint=localhost:9324',
    'sqs://eu-central-1?endpoint=http://key:secret@localhost',
    'sqs://eu-central-1?account=1',
    'sqs://eu-central-1?queues=none',
    'sqs://eu-central-1?profile=prod',
    'sqs://eu-central-1?account=123456789012&account=123456789012',
  ])('refuses %s', (text) => {
    expect(parseSqsUrl(text)).toBeUndefined();
  });
});

it('calls tasks plain that go to another machine without TLS', () => {
  const to = (endpoint: string) => isPlainSqs(`sqs://eu-central-1?endpoint=${endpoint}`);
  expect(isPlainSqs('sqs://eu-central-1')).toBe(false);
  expect(to('http://localhost:9324')).toBe(false);
  expect(to('https://10.0.0.7:9324')).toBe(false);
  expect(to('http://10.0.0.7:9324')).toBe(true);
});
