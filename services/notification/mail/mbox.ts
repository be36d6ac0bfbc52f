import { defaultSender } from './message.ts';

/**
 * Returns a message as an entry of a mailbox in the format mbox (RFC 4155): a line with sender and date (UTC), the message with
 * the line ends of a text file, and an empty line. No line needs quoting: no header begins with `From `, and the body is base64.
 */
export function toMboxEntry(message: string, date: Date): string {
  return `From ${defaultSender} ${asctime(date)}\n${message.replaceAll('\r\n', '\n')}\n`;
}

/** The date as in C: `Fri Jan  2 03:04:05 2026`. */
function asctime(date: Date): string {
  const [weekday = '', day = '', month = '', year = '', time = ''] = date.toUTCString().split(/,? /);
  return `${weekday} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`;
}
