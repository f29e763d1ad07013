<?php
/**
 * Links that sign a person in at the bridge.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Account;

use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Connection\Sentences;
use TokenBridge\Users\Profile;
use WP_Error;
use WP_User;

defined( 'ABSPATH' ) || exit;

/**
 * Asks for a pass when a person clicks. A pass works once, for one minute.
 */
final class PassLink {

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	/**
	 * Returns the address of the user's own account.
	 *
	 * @return string|WP_Error
	 */
	public function portal( WP_User $user, string $return_url ) {
		return $this->ask(
			[
				'user'       => Profile::of( $user ),
				'for'        => 'portal',
				'access'     => Access::of( $user ),
				'lang'       => str_replace( '_', '-', get_user_locale( $user ) ),
				'return_url' => $return_url,
			]
		);
	}

	/**
	 * Returns the address of the console's credits page.
	 *
	 * @return string|WP_Error
	 */
	public function credits( WP_User $user, string $return_url ) {
		$admin = [
			'email' => $user->user_email,
			'name'  => $user->display_name,
			'role'  => Access::console_role( $user ),
		];
		return $this->ask(
			[
				'admin'      => $admin,
				'for'        => 'credits',
				'return_url' => $return_url,
			]
		);
	}

	/**
	 * @param array<string, mixed> $body The wanted pass.
	 * @return string|WP_Error
	 */
	private function ask( array $body ) {
		$answer = $this->transport->send( Request::post( '/v1/passes', $body )->patient()->within( 5 ) );
		if ( ! $answer->is_ok() || '' === $answer->field( 'url' ) ) {
			return new WP_Error( 'token_bridge_' . $answer->code(), Sentences::about( $answer ) );
		}
		return esc_url_raw( $answer->field( 'url' ), [ 'http', 'https' ] );
	}
}
