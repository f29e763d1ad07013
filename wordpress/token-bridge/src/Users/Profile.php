<?php
/**
 * A user as the bridge sees them.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Users;

use WP_User;

defined( 'ABSPATH' ) || exit;

final class Profile {

	/** The bridge's longest name. */
	private const MAX_NAME = 200;

	/**
	 * Returns the profile that the bridge stores: ID, email, name and all roles.
	 *
	 * An empty email is left out, because the bridge takes none.
	 *
	 * @return array{id: int, email?: string, name: string, roles: string[]}
	 */
	public static function of( WP_User $user ): array {
		$profile = [
			'id'    => (int) $user->ID,
			'name'  => mb_substr( (string) $user->display_name, 0, self::MAX_NAME ),
			'roles' => array_values( (array) $user->roles ),
		];
		return $profile + ( '' === (string) $user->user_email ? [] : [ 'email' => $user->user_email ] );
	}
}
