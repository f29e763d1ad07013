<?php
/**
 * The account of a linked site.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Account;

use TokenBridge\Admin\PostHandler;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Connection\Sentences;
use TokenBridge\Widget\AccountMaker;

defined( 'ABSPATH' ) || exit;

/**
 * Prints the balance that this site draws on, its own use and cap, and how to unlink it.
 */
final class LinkedSitePanel {

	/** @var Transport */
	private $transport;

	/** @var bool */
	private $is_of_network;

	/**
	 * @param bool $is_of_network Whether an admin of the network linked this site.
	 */
	public function __construct( Transport $transport, bool $is_of_network = false ) {
		$this->transport     = $transport;
		$this->is_of_network = $is_of_network;
	}

	public function render(): void {
		if ( ! Access::sees_site_account( wp_get_current_user() ) ) {
			echo '<p>' . esc_html__( 'Editors and admins of this site see the tokens of its account here.', 'token-bridge' ) . '</p>';
			return;
		}
		$answer = $this->transport->send( Request::get( '/v1/account' ) );
		if ( ! $answer->is_ok() ) {
			echo '<p>' . esc_html( Sentences::about( $answer ) ) . '</p>';
			return;
		}
		$this->numbers( $answer->document() );
		$this->buy( $answer->field( 'purchase_url' ) );
		$this->unlink();
	}

	/**
	 * @param array<string, mixed> $account The bridge's answer.
	 */
	private function numbers( array $account ): void {
		echo '<table class="widefat striped token-bridge-usage"><tbody>';
		foreach ( AccountMaker::rows( $account ) as $label => $value ) {
			echo '<tr><th scope="row">' . esc_html( $label ) . '</th><td class="token-bridge-number">' . esc_html( $value ) . '</td></tr>';
		}
		echo '</tbody></table>';
	}

	private function buy( string $url ): void {
		if ( '' !== $url ) {
			echo '<p><a class="button button-primary" href="' . esc_url( $url ) . '">' . esc_html__( 'Buy tokens', 'token-bridge' ) . '</a></p>';
		}
	}

	private function unlink(): void {
		if ( $this->is_of_network || ! current_user_can( 'manage_options' ) ) {
			return;
		}
		echo '<form method="post" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '">';
		PostHandler::fields( 'disconnect' );
		echo '<p><button class="button">' . esc_html__( 'Unlink this site', 'token-bridge' ) . '</button></p></form>';
		echo '<p class="description">' . esc_html__( 'To delete the account itself, its owner opens it on the site where the tokens were bought.', 'token-bridge' ) . '</p>';
	}
}
