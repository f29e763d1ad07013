<?php
/**
 * Delivers changes of users.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Outbox;

use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Users\Profile;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a user's profile with all roles, or erases a user who was deleted.
 */
final class UserDelivery implements Delivery {

	public const PROFILE = 'user.profile';
	public const DELETED = 'user.deleted';

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	public function accepts( string $topic ): bool {
		return in_array( $topic, [ self::PROFILE, self::DELETED ], true );
	}

	public function final_statuses(): array {
		return [ 400, 404, 409, 410, 413, 422 ];
	}

	public function send( Row $row ): ?Answer {
		$path = '/v1/users/' . (int) $row->subject;
		if ( self::DELETED === $row->topic ) {
			return $this->transport->send( Request::delete( $path )->patient() );
		}
		$user = get_userdata( (int) $row->subject );
		if ( ! $user ) {
			return null;
		}
		return $this->transport->send( Request::put( $path, array_diff_key( Profile::of( $user ), [ 'id' => 1 ] ) )->patient() );
	}
}
