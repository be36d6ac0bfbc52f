import { badRecipient } from '../errors.ts';
import type { Mail } from './mailer.ts';

const sender = 'ordermesh <orders@ordermesh.invalid>';

/** A mail as text in the format of RFC 5322, UTF-8 in base64. Refuses a recipient that would break out of its header. */
export function formatMessage(mail: Mail, date: Date): string {
  if (!/^[^\s<>,;:"\\@]+@[^\s<>,;:"\\@]+$/.test(mail.to)) throw badRecipient(mail.to);
  const headers = [
    `From: ${sender}`,
    `To: ${mail.to}`,
    `Subject: ${encodeHeader(mail.subject)}`,
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${encodeURIComponent(mail.id)}@ordermesh.invalid>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
  ];
  const body = Buffer.from(mail.text).toString('base64').replace(/.{76}/g, '$&\r\n');
  return `${headers.join('\r\n')}\r\n\r\n${body}\r\n`;
}

/** RFC 2047: what is not plain ASCII goes as encoded words of at most 75 characters. */
function encodeHeader(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const words: string[] = [];
  let word = '';
  for (const character of text) {
    if (Buffer.byteLength(word + character) > 45) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  words.push(word);
  return words.map((part) => `=?utf-8?B?${Buffer.from(part).toString('base64')}?=`).join('\r\n ');
}
