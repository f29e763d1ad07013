<?php
/**
 * Saves the settings of the network.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Network;

use TokenBridge\Admin\Notices;
use TokenBridge\Admin\PostHandler;
use TokenBridge\Connection\Sentences;
use WP_User;

defined( 'ABSPATH' ) || exit;

final class SaveNetwork extends PostHandler {

	/** @var Pool */
	private $pool;

	public function __construct( Pool $pool ) {
		$this->pool = $pool;
	}

	public function action(): string {
		return 'network';
	}

	protected function capability(): string {
		return NetworkScreen::CAPABILITY;
	}

	protected function handle(): string {
		$problem = $this->save( trim( $this->posted( 'payer' ) ), $this->posted( 'new_cap' ) );
		if ( '' === $problem ) {
			Notices::add( 'success', __( 'The settings were saved.', 'token-bridge' ) );
		} else {
			Notices::add( 'error', $problem );
		}
		return NetworkScreen::url();
	}

	/**
	 * Saves the form; returns what is wrong with it, or an empty text.
	 */
	private function save( string $name, string $cap ): string {
		if ( ! Cap::is_valid( $cap ) ) {
			return __( 'The cap is no whole number of tokens. Nothing was saved.', 'token-bridge' );
		}
		$payer = '' === $name ? null : $this->user( $name );
		if ( '' !== $name && null === $payer ) {
			return __( 'No user of this network has this name or email. Nothing was saved.', 'token-bridge' );
		}
		$answer = $payer ? $this->pool->introduce( $payer ) : null;
		if ( $answer && ! $answer->is_ok() ) {
			return Sentences::about( $answer );
		}
		( new NetworkOption() )->save( $this->values( $payer, $cap ) );
		return '';
	}

	/**
	 * @return array{payer: int, joins_new: bool, new_cap: string, may_connect: bool}
	 */
	private function values( ?WP_User $payer, string $cap ): array {
		return [
			'payer'       => $payer ? (int) $payer->ID : 0,
			'joins_new'   => '1' === $this->posted( 'joins_new' ),
			'new_cap'     => trim( $cap ),
			'may_connect' => '1' === $this->posted( 'may_connect' ),
		];
	}

	private function user( string $name ): ?WP_User {
		$found = get_user_by( is_email( $name ) ? 'email' : 'login', $name );
		return $found ? $found : null;
	}
}
