/**
 * The client's clock: whole nanoseconds of the machine's monotonic clock, the same for all processes of a machine,
 * so that recordings of several of them can be compared. Above 2^53 (104 days of uptime) it is rounded, which is
 * harmless: rounding never puts one instant before another that it follows.
 */
export type ClockNs = () => number;

export const monotonicNs: ClockNs = () => Number(process.hrtime.bigint());
