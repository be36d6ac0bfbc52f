import { Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { formatMessage } from './message.ts';

const mail = { id: 'mail-1', to: 'ada@example.com', subject: 'Hello', text: 'Hello Ada' };
const date = new Date('2026-01-02T03:04:05Z');

/** The headers of a message, unfolded, and its text. */
function parse(message: string) {
  const [head = '', body = ''] = message.split('\r\n\r\n');
  const headers = new Map(
    head
      .replaceAll('\r\n ', ' ')
      .split('\r\n')
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  return { headers, lines: head.split('\r\n'), text: Buffer.from(body, 'base64').toString() };
}

/** What a mail program shows of a header of encoded words. */
function decodeWords(text = ''): string {
  return text
    .replace(/\?= =\?/g, '?==?')
    .replace(/=\?utf-8\?B\?([^?]*)\?=/g, (_, word: string) => Buffer.from(word, 'base64').toString());
}

describe('a mail as a message', () => {
  it('has the headers that a mailbox needs', () => {
    const { headers, text } = parse(formatMessage(mail, date));
    expect(Object.fromEntries(headers)).toEqual({
      From: 'ordermesh <orders@ordermesh.invalid>',
      To: 'ada@example.com',
      Subject: 'Hello',
      Date: 'Fri, 02 Jan 2026 03:04:05 +0000',
      'Message-ID': '<mail-1@ordermesh.invalid>',
      'MIME-Version': '1.0',
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Transfer-Encoding': 'base64',
    });
    expect(text).toBe('Hello Ada');
  });

  it('keeps any text, in lines that mail allows', () => {
    const text = 'Grüße 🎉\r\n.\r\nFrom me\n'.repeat(100);
    const message = formatMessage({ ...mail, text }, date);
    expect(parse(message).text).toBe(text);
    expect(Math.max(...message.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(78);
  });

  it.each([1, 56, 57, 58, 114])('has no empty line in or after a text of %i bytes', (length) => {
    const text = 'x'.repeat(length);
    expect(formatMessage({ ...mail, text }, date)).toMatch(/\r\n\r\n([^\r\n]+\r\n)+$/);
  });

  const recipients = [
    'ada@example.com\r\nBcc: eve@example.com',
    'ada@example.com, eve@example.com',
    'ada@example.com;eve@example.com',
    'Ada <ada@example.com>',
    'ada@example.com(eve@example.com)',
    'ada@example.com\0',
    'ada@example.com\u0085Bcc:eve',
    'ada example@example.com',
    '@example.com',
    'ada',
    '',
    `${'a'.repeat(251)}@b.c`,
  ];
  it.each(recipients)('refuses the recipient %j', (to) => {
    const refusal = expect.objectContaining({ code: Status.INVALID_ARGUMENT, reason: 'BAD_RECIPIENT' });
    expect(() => formatMessage({ ...mail, to }, date)).toThrow(refusal);
  });

  const subjects = [
    'Hello\r\nBcc: eve@example.com',
    'Grüße 🎉 '.repeat(30),
    'x'.repeat(2_000),
    '=?utf-8?B?SGVsbG8=?=',
    'tab\tand\0nul',
  ];
  it.each(subjects)('shows the subject %j and no other header', (subject) => {
    const { headers, lines } = parse(formatMessage({ ...mail, subject }, date));
    expect(headers.size).toBe(8);
    expect(decodeWords(headers.get('Subject'))).toBe(subject);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(76);
  });

  it('has a plain Message-ID for any id', () => {
    const [first, again, other] = ['a>\r\nBcc: eve', 'a>\r\nBcc: eve', 'b>\r\nBcc: eve'].map((id) =>
      parse(formatMessage({ ...mail, id }, date)).headers.get('Message-ID'),
    );
    expect(first).toMatch(/^<[a-z0-9-]+@ordermesh\.invalid>$/);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });
});
