<?php
/**
 * Lists the users of this site.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Users;

/**
 * The users of this site (in a network: its members) in pages, in the order of their IDs.
 */
final class UserList {

	/**
	 * Returns how many users the site has.
	 */
	public function count(): int {
		global $wpdb;
		return (int) $wpdb->get_var( "SELECT COUNT(*) FROM {$wpdb->users} u {$this->members()}" );
	}

	/**
	 * Returns the profiles of the next users.
	 *
	 * @return array<int, array{id: int, email: string, name: string, roles: string[]}>
	 */
	public function next( int $after_id, int $limit ): array {
		global $wpdb;
		$sql = "SELECT u.ID FROM {$wpdb->users} u {$this->members()} WHERE u.ID > %d ORDER BY u.ID LIMIT %d";
		$ids = array_map( 'intval', $wpdb->get_col( $wpdb->prepare( $sql, $after_id, $limit ) ) );
		if ( ! $ids ) {
			return [];
		}
		return array_map(
			[ Profile::class, 'of' ],
			get_users(
				[
					'include' => $ids,
					'orderby' => 'ID',
				]
			)
		);
	}

	private function members(): string {
		global $wpdb;
		return $wpdb->prepare(
			"JOIN {$wpdb->usermeta} m ON m.user_id = u.ID AND m.meta_key = %s",
			$wpdb->get_blog_prefix() . 'capabilities'
		);
	}
}
