const doors: ReadonlySet<string> = new Set(['edge', 'gateway']);

/** Whether a service passes on the calls of others, so that being it gives no right. */
export function isDoor(service: string): boolean {
  return doors.has(service);
}
