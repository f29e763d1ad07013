<?php
/**
 * The page Connect.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Admin;

use TokenBridge\Connection\Checklist;
use TokenBridge\Connection\CheckResult;
use TokenBridge\Connection\Connection;
use TokenBridge\Network\Rights;
use TokenBridge\Services;
use TokenBridge\Transfer\Progress;

defined( 'ABSPATH' ) || exit;

/**
 * Connects the site, shows whether everything works, and disconnects it.
 */
final class ConnectScreen implements Screen {

	public const SLUG = 'token-bridge-connect';

	/** @var Services */
	private $services;

	public function __construct( Services $services ) {
		$this->services = $services;
	}

	public function slug(): string {
		return self::SLUG;
	}

	public function title(): string {
		return __( 'Connect', 'token-bridge' );
	}

	public function capability(): string {
		return 'manage_options';
	}

	public function render(): void {
		$connection = $this->services->connection();
		echo '<div class="wrap token-bridge-admin"><h1>' . esc_html__( 'Token Bridge: connection', 'token-bridge' ) . '</h1>';
		Notices::show();
		$refusal = Rights::refusal( $connection );
		if ( $refusal ) {
			$this->of_network( $connection, $refusal->get_error_message() );
		} elseif ( ! $connection->is_connected() ) {
			$this->connect_form();
			$this->link_form();
		} elseif ( $connection->is_copy() ) {
			$this->copy_form( $connection );
		} else {
			$this->connected( $connection );
		}
		echo '</div>';
	}

	private function of_network( Connection $connection, string $sentence ): void {
		echo '<p class="token-bridge-lead">' . esc_html( $sentence ) . '</p>';
		if ( $connection->is_connected() ) {
			self::checklist( $this->services->checklist()->run() );
		}
	}

	private function connect_form(): void {
		echo '<div class="card"><h2>' . esc_html__( 'Connect this site', 'token-bridge' ) . '</h2>';
		echo '<p>' . esc_html__( 'In the console of Token Bridge, open "Connect a WordPress site" and copy the code. It works once, for 15 minutes.', 'token-bridge' ) . '</p>';
		$this->open_form( 'connect' );
		echo '<p><label for="token-bridge-code">' . esc_html__( 'Connect code', 'token-bridge' ) . '</label><br>';
		echo '<input type="text" class="large-text code" id="token-bridge-code" name="code" required autocomplete="off" spellcheck="false" placeholder="https://tokens.example#…"></p>';
		$this->close_form( __( 'Connect', 'token-bridge' ), 'primary' );
		echo '</div>';
	}

	private function link_form(): void {
		echo '<div class="card"><h2>' . esc_html__( 'Or: use the tokens of one account', 'token-bridge' ) . '</h2>';
		echo '<p>' . esc_html__( 'If this site sells no tokens and only uses those that you bought elsewhere, create a link code in your account there.', 'token-bridge' ) . '</p>';
		$this->open_form( 'link' );
		echo '<p><label for="token-bridge-url">' . esc_html__( 'Address of Token Bridge', 'token-bridge' ) . '</label><br>';
		echo '<input type="url" class="regular-text code" id="token-bridge-url" name="url" required placeholder="https://tokens.example"></p>';
		echo '<p><label for="token-bridge-link-code">' . esc_html__( 'Link code', 'token-bridge' ) . '</label><br>';
		echo '<input type="text" class="regular-text code" id="token-bridge-link-code" name="code" required autocomplete="off" spellcheck="false"></p>';
		$this->close_form( __( 'Link this site', 'token-bridge' ), 'secondary' );
		echo '</div>';
	}

	private function copy_form( Connection $connection ): void {
		echo '<div class="notice notice-warning inline"><p><strong>' . esc_html__( 'Nothing is sent to Token Bridge at the moment.', 'token-bridge' ) . '</strong> ';
		/* translators: 1: former address, 2: present address */
		echo esc_html( sprintf( __( 'This site was connected as %1$s and is now %2$s. A copy or staging site must not spend the tokens of the live site.', 'token-bridge' ), $connection->home(), get_option( 'home' ) ) );
		echo '</p></div>';
		$this->button( 'confirm_address', __( 'The site has moved: use the new address', 'token-bridge' ), 'primary' );
		$this->button( 'forget', __( 'This is a copy: remove the connection here', 'token-bridge' ), 'secondary' );
	}

	private function connected( Connection $connection ): void {
		$about = $connection->is_store()
			/* translators: 1: address, 2: store */
			? sprintf( __( 'Connected to %1$s as the store "%2$s".', 'token-bridge' ), $connection->url(), $connection->store() )
			/* translators: %s: address */
			: sprintf( __( 'Linked to one account of %s.', 'token-bridge' ), $connection->url() );
		echo '<p class="token-bridge-lead">' . esc_html( $about ) . '</p>';
		echo '<h2>' . esc_html__( 'Checklist', 'token-bridge' ) . '</h2>';
		$results = $this->services->checklist()->run();
		self::checklist( $results );
		if ( in_array( Checklist::PAST_ORDERS, array_column( $results, 'name' ), true ) ) {
			$this->past_orders();
		}
		if ( $connection->is_store() ) {
			$this->progress( Progress::load() );
			$this->button( 'repair', __( 'Repair', 'token-bridge' ), 'secondary' );
			$this->button( 'transfer', __( 'Send users and packages again', 'token-bridge' ), 'secondary' );
		}
		echo '<h2>' . esc_html__( 'Disconnect', 'token-bridge' ) . '</h2>';
		echo '<p>' . esc_html__( 'Removes the access key, the webhooks and the REST key from this site. Balances stay in Token Bridge, and a new code connects them again.', 'token-bridge' ) . '</p>';
		$this->button( 'disconnect', __( 'Disconnect this site', 'token-bridge' ), 'secondary' );
	}

	private function past_orders(): void {
		echo '<div class="card"><h2>' . esc_html__( 'Orders from before the connection', 'token-bridge' ) . '</h2>';
		echo '<p>' . esc_html__( 'Your shop may have sold token packages before it was connected. Token Bridge can grant the tokens of those orders that are completed, or begin with new orders. What you skip now can be granted later in the console.', 'token-bridge' ) . '</p>';
		$this->button( 'past_grant', __( 'Grant past orders', 'token-bridge' ), 'secondary' );
		$this->button( 'past_skip', __( 'Begin with new orders', 'token-bridge' ), 'secondary' );
		echo '</div>';
	}

	/**
	 * Prints results as a table.
	 *
	 * @param CheckResult[] $results The results.
	 */
	public static function checklist( array $results ): void {
		$words = [
			CheckResult::OK      => __( 'Works', 'token-bridge' ),
			CheckResult::WAITING => __( 'In progress', 'token-bridge' ),
			CheckResult::WARNING => __( 'Look at this', 'token-bridge' ),
			CheckResult::FAILED  => __( 'Does not work', 'token-bridge' ),
		];
		echo '<table class="widefat striped token-bridge-checklist"><tbody>';
		foreach ( $results as $result ) {
			echo '<tr class="is-' . esc_attr( $result->state ) . '" data-check="' . esc_attr( $result->name ) . '"><th scope="row">';
			echo '<span class="token-bridge-state">' . esc_html( $words[ $result->state ] ) . '</span></th>';
			echo '<td>' . esc_html( $result->sentence ) . '</td></tr>';
		}
		echo '</tbody></table>';
	}

	private function progress( Progress $progress ): void {
		$words = [
			'users'    => __( 'Users', 'token-bridge' ),
			'packages' => __( 'Packages', 'token-bridge' ),
		];
		echo '<div class="token-bridge-progress">';
		foreach ( $progress->kinds() as $kind => $values ) {
			$this->progress_line( $words[ $kind ], $values );
		}
		echo '</div>';
	}

	/**
	 * @param array{total: int, done: int, refused: int, after: int, is_done: bool} $values Counts of one kind.
	 */
	private function progress_line( string $label, array $values ): void {
		/* translators: 1: number of sent items, 2: number of all items */
		$text = sprintf( __( '%1$s of %2$s sent', 'token-bridge' ), number_format_i18n( $values['done'] ), number_format_i18n( $values['total'] ) );
		if ( $values['refused'] > 0 ) {
			/* translators: %s: number of items */
			$text .= ' · ' . sprintf( __( '%s not accepted', 'token-bridge' ), number_format_i18n( $values['refused'] ) );
		}
		echo '<p><label>' . esc_html( $label ) . ' <progress max="' . esc_attr( (string) max( 1, $values['total'] ) ) . '" value="' . esc_attr( (string) ( $values['is_done'] ? max( 1, $values['total'] ) : $values['done'] ) ) . '"></progress> ';
		echo esc_html( $text ) . '</label></p>';
	}

	private function button( string $action, string $label, string $kind ): void {
		$this->open_form( $action );
		$this->close_form( $label, $kind );
	}

	private function open_form( string $action ): void {
		echo '<form method="post" class="token-bridge-form" action="' . esc_url( admin_url( 'admin-post.php' ) ) . '">';
		PostHandler::fields( $action );
	}

	private function close_form( string $label, string $kind ): void {
		echo '<p><button class="button button-' . esc_attr( $kind ) . '">' . esc_html( $label ) . '</button></p></form>';
	}
}
