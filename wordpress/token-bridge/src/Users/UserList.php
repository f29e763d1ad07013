<?php
/**
 * Lists the users of this site.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Users;

defined( 'ABSPATH' ) || exit;

// phpcs:disable WordPress.DB.DirectDatabaseQuery -- WordPress has no functions for a page of IDs without the users.

/**
 * The users of this site (in a network: its members) in pages, in the order of their IDs.
 */
final class UserList {

	/**
	 * Returns how many users the site has.
	 */
	public function count(): int {
		global $wpdb;
		return (int) $wpdb->get_var(
			$wpdb->prepare( "SELECT COUNT(*) FROM {$wpdb->users} u JOIN {$wpdb->usermeta} m ON m.user_id = u.ID AND m.meta_key = %s", $this->key() )
		);
	}

	/**
	 * Returns the profiles of the next users.
	 *
	 * @return array<int, array{id: int, email: string, name: string, roles: string[]}>
	 */
	public function next( int $after_id, int $limit ): array {
		global $wpdb;
		$ids = $wpdb->get_col(
			$wpdb->prepare(
				"SELECT u.ID FROM {$wpdb->users} u JOIN {$wpdb->usermeta} m ON m.user_id = u.ID AND m.meta_key = %s
				WHERE u.ID > %d ORDER BY u.ID LIMIT %d",
				$this->key(),
				$after_id,
				$limit
			)
		);
		if ( ! $ids ) {
			return [];
		}
		return array_map(
			[ Profile::class, 'of' ],
			get_users(
				[
					'include' => array_map( 'intval', $ids ),
					'orderby' => 'ID',
				]
			)
		);
	}

	/**
	 * Returns the name of the user meta that the members of this site have.
	 */
	private function key(): string {
		global $wpdb;
		return $wpdb->get_blog_prefix() . 'capabilities';
	}
}
