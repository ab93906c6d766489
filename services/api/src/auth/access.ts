import { RingsideError } from "@ringside/shared";
import type { Principal } from "./principal.ts";

/**
 * Who may do what. Two rules throughout: what somebody may not know of is `not_found`; what they know of but may
 * not do is `forbidden`. An admin may do in every course what its instructors may.
 */
export function isAdmin(principal: Principal): boolean {
  return principal.user.siteRole === "admin";
}

/** An instructor of the course, or an admin. */
function isStaff(principal: Principal, course: string): boolean {
  return isAdmin(principal) || principal.roles.get(course) === "instructor";
}

/** An instructor of any course, or an admin. */
export function isStaffAnywhere(principal: Principal): boolean {
  return isAdmin(principal) || [...principal.roles.values()].includes("instructor");
}

/** The courses of which the principal is an instructor. */
export function taughtCourses(principal: Principal): readonly string[] {
  return [...principal.roles].filter(([, role]) => role === "instructor").map(([course]) => course);
}

export function requireAdmin(principal: Principal): void {
  if (!isAdmin(principal)) {
    throw new RingsideError("forbidden");
  }
}

/** Staff pass, other members are forbidden, everybody else must not learn that the course exists. */
export function requireStaff(principal: Principal, course: string): void {
  if (isStaff(principal, course)) {
    return;
  }
  throw new RingsideError(principal.roles.has(course) ? "forbidden" : "not_found");
}

/** What belongs to one user in one course: sessions and submissions. */
export interface Owned {
  readonly userId: string;
  readonly courseId: string;
}

/** `owner` before `staff`: an instructor's own session is theirs. */
export type Relation = "owner" | "staff";

/** @throws RingsideError not_found for whoever is neither the owner nor staff of the course */
export function relationTo(principal: Principal, owned: Owned | null): Relation {
  if (owned !== null && owned.userId === principal.user.id) {
    return "owner";
  }
  if (owned !== null && isStaff(principal, owned.courseId)) {
    return "staff";
  }
  throw new RingsideError("not_found");
}

/** @throws RingsideError not_found or forbidden for whoever is not the owner */
export function requireOwner(principal: Principal, owned: Owned | null): void {
  if (relationTo(principal, owned) !== "owner") {
    throw new RingsideError("forbidden");
  }
}
