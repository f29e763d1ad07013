<?php
/**
 * The users to send.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Transfer;

use TokenBridge\Users\UserList;

defined( 'ABSPATH' ) || exit;

final class UserSource implements Source {

	private const LIMIT = 500;

	/** @var UserList */
	private $users;

	public function __construct( UserList $users ) {
		$this->users = $users;
	}

	public function kind(): string {
		return 'users';
	}

	public function path(): string {
		return '/v1/users/bulk';
	}

	public function count(): int {
		return $this->users->count();
	}

	public function page( int $after_id ): Page {
		$profiles = $this->users->next( $after_id, self::LIMIT );
		$last     = end( $profiles );
		return new Page( $profiles, $last ? $last['id'] : $after_id, count( $profiles ) < self::LIMIT );
	}
}
