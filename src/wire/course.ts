/**
 * What the supervisor tells the processes of the published protocol (course/), which is unsafe and there for teaching
 * and for testing checkers: `bazaar up --log course`.
 */
import type { Address } from "./dialer.ts";
import type { ServiceAddress } from "./process.ts";

interface CourseProcess {
  readonly log: "course";
  readonly name: string;
  readonly id: number;
  readonly cluster: string;
}

export interface CourseOrderConfig extends CourseProcess {
  readonly role: "order";
  /** Every order replica, this one included. */
  readonly orders: readonly ServiceAddress[];
  readonly catalog: ServiceAddress;
  /** Where its log file lies. */
  readonly directory: string;
}

export interface CourseCatalogConfig extends CourseProcess {
  readonly role: "catalog";
  readonly listen: Address;
  /** Where its stock file lies. */
  readonly directory: string;
  /** As checked by the supervisor (market/definition.ts). */
  readonly market: unknown;
}

export interface CourseFrontendConfig extends CourseProcess {
  readonly role: "frontend";
  readonly orders: readonly ServiceAddress[];
  readonly catalog: ServiceAddress;
  /** Where it listens for HTTP. */
  readonly listen: Address;
  /** Items that it may keep; 0: none. */
  readonly cache: number;
  readonly market: unknown;
}

export type CourseConfig = CourseOrderConfig | CourseCatalogConfig | CourseFrontendConfig;
