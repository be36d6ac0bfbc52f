import { badRecipient } from '../errors.ts';
import { mailName } from './mail-name.ts';
import type { Mail } from './mailer.ts';

/** RFC 5321. */
const maxAddressLength = 254;
/** Encoded in base64 and after `Subject: `, this is a line of 73 characters. */
const maxWordBytes = 39;
/** The default sender. */
export const defaultSender = 'orders@ordermesh.invalid';

/** Formats a mail as in RFC 5322, with UTF-8 in base64. Refuses a recipient that would break out of its header. */
export function formatMessage(mail: Mail, date: Date, sender: string = defaultSender): string {
  if (!isAddress(mail.to)) throw badRecipient({ to: mail.to });
  const headers = [
    `From: ordermesh <${sender}>`,
    `To: ${mail.to}`,
    `Subject: ${encodeHeader(mail.subject)}`,
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${mailName(mail.id)}@ordermesh.invalid>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
  ];
  const body = Buffer.from(mail.text)
    .toString('base64')
    .replace(/.{76}(?=.)/g, '$&\r\n');
  return `${headers.join('\r\n')}\r\n\r\n${body}\r\n`;
}

/** Accepts one address, without a name, a comment, another address or a character that ends the header. */
function isAddress(text: string): boolean {
  return text.length <= maxAddressLength && /^[^\s\p{Cc}()<>[\],;:"\\@]+@[^\s\p{Cc}()<>[\],;:"\\@]+$/u.test(text);
}

/**
 * RFC 2047: a text that is long, not plain ASCII, or looks encoded is sent as encoded words, on lines of at most 76
 * characters.
 */
function encodeHeader(text: string): string {
  if (/^[\x20-\x7e]{0,200}$/.test(text) && !text.includes('=?')) return text;
  const words: string[] = [];
  let word = '';
  for (const character of text) {
    if (Buffer.byteLength(word + character) > maxWordBytes) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  words.push(word);
  return words.map((part) => `=?utf-8?B?${Buffer.from(part).toString('base64')}?=`).join('\r\n ');
}
