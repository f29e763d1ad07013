<?php
/**
 * What people may see.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Account;

use WP_User;

defined( 'ABSPATH' ) || exit;

/**
 * Turns WordPress's capabilities into the bridge's rights. Filters can change both.
 */
final class Access {

	public const FULL = 'full';

	/**
	 * Returns how much of their own account a user sees: `full`, `partial` or `none`.
	 */
	public static function of( WP_User $user ): string {
		$access = (string) apply_filters( 'token_bridge_access', self::FULL, $user );
		return in_array( $access, [ self::FULL, 'partial', 'none' ], true ) ? $access : 'none';
	}

	/**
	 * Returns whether a user sees the account that a linked site draws on: its editors and admins.
	 */
	public static function sees_site_account( WP_User $user ): bool {
		return (bool) apply_filters( 'token_bridge_sees_site_account', $user->has_cap( 'edit_others_posts' ), $user );
	}

	/**
	 * Returns the role of a person in the console: `owner`, `manager` or `viewer`.
	 */
	public static function console_role( WP_User $user ): string {
		$role = $user->has_cap( 'manage_options' ) ? 'owner' : ( $user->has_cap( 'manage_woocommerce' ) ? 'manager' : 'viewer' );
		$role = (string) apply_filters( 'token_bridge_console_role', $role, $user );
		return in_array( $role, [ 'owner', 'manager' ], true ) ? $role : 'viewer';
	}
}
